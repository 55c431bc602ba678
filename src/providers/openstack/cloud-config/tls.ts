/** How a cloud proves who it is, and we to it. */
import type { TlsAccess } from '../access.ts';
import { expandPath, type Surroundings } from './search-path.ts';
import { isTrue, textAt, type Settings } from './settings.ts';

/** `insecure` is the old way to say `verify: false`; that wins over `cacert`. */
export function tlsOf(settings: Settings, surroundings: Surroundings): TlsAccess {
  const file = (key: string): string | null => {
    const path = textAt(settings, key);
    return path === null ? null : expandPath(path, surroundings);
  };
  const verify = settings['verify'] ?? true;
  const isOff = verify === false || (typeof verify === 'string' && verify.toLowerCase() === 'false');
  const verifies = !isTrue(settings['insecure']) && !isOff;
  // In place of true, `verify` may name a file.
  const named = verify === true || isTrue(verify) ? null : file('verify');
  return {
    verify: verifies,
    caFile: verifies ? (file('cacert') ?? named) : null,
    certFile: file('cert'),
    keyFile: file('key'),
  };
}
