/** The host keys that cloud-init prints on the console of a server at its first boot. */

const BEGIN = '-----BEGIN SSH HOST KEY KEYS-----';
const END = '-----END SSH HOST KEY KEYS-----';

/** A line of the block, whatever a logger put before it. The comment behind the key is left out. */
const KEY = /(?:^|\s)(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))\s+([A-Za-z0-9+/]+={0,2})(?=\s|$)/;

/**
 * The public host keys on a console, as `ssh-ed25519 AAAA...`; none when it shows none. A console may lack its beginning
 * or its end, also in the middle of the block: what is there of it counts, but no key that was cut.
 */
export function hostKeysOf(console: string): readonly string[] {
  const found = new Set<string>();
  let block: string[] = [];
  let isInside = false;
  const close = (): void => {
    for (const key of block) found.add(key);
    block = [];
    isInside = false;
  };
  for (const line of console.split(/[\r\n]+/)) {
    if (line.includes(BEGIN)) {
      block = [];
      isInside = true;
    } else if (line.includes(END)) {
      close();
    } else {
      const key = keyIn(line);
      if (key !== null) block.push(key);
      // Outside a block keys count only right before an end without a beginning. Inside, the kernel may have its say.
      else if (!isInside) block = [];
    }
  }
  if (isInside) close();
  return [...found];
}

function keyIn(line: string): string | null {
  const [, type, base64] = KEY.exec(line) ?? [];
  if (type === undefined || base64 === undefined) return null;
  const blob = Buffer.from(base64, 'base64');
  // Written anew, for a key whose padding alone was cut.
  return isWhole(type, blob) ? `${type} ${blob.toString('base64')}` : null;
}

/**
 * Whether the key consists of whole fields, and all of them: Ed25519 (RFC 8709, section 4) has two, RSA (RFC 4253,
 * section 6.6) and ECDSA (RFC 5656, section 3.1) have three.
 */
function isWhole(type: string, blob: Buffer): boolean {
  const fields: Buffer[] = [];
  let at = 0;
  while (at + 4 <= blob.length) {
    const end = at + 4 + blob.readUInt32BE(at);
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  const expected = type === 'ssh-ed25519' ? 2 : 3;
  return at === blob.length && fields.length === expected && fields[0]?.toString('latin1') === type;
}
