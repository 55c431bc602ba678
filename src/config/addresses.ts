/** What the addresses of other services must look like. Each check answers what is wrong and what to do; null: nothing. */
import { isHttpAddress } from '../lib/http-address.ts';

/** Does not show the address: a password may stand in it. */
export function checkJenkinsUrl(url: string): string | null {
  if (isHttpAddress(url)) return null;
  return 'is not the address of a Jenkins; write https://HOST/ or http://HOST:PORT/, with a port up to 65535';
}
