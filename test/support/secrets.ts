/** What must not be read by anybody: given secrets, tokens of Keystone, private keys. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  'a token': /gAAAAA[\w-]{40,}/,
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
};

/** Where secrets stand, as `log: a token`; empty when they stand nowhere. */
export function findSecrets(texts: Readonly<Record<string, string>>, secrets: readonly string[]): string[] {
  return Object.entries(texts).flatMap(([place, text]) => [
    ...secrets.filter((secret) => text.includes(secret)).map(() => `${place}: a secret of the configuration`),
    ...Object.entries(SHAPES)
      .filter(([, shape]) => shape.test(text))
      .map(([name]) => `${place}: ${name}`),
  ]);
}
