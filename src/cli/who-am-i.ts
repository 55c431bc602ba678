import { hostname, userInfo } from 'node:os';

/** Who runs this process: `user@host`. */
export function whoAmI(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // Containers have accounts that the user database does not name.
    return 'unknown';
  }
}
