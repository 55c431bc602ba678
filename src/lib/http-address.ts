/** Whether a text is the address of something that speaks HTTP, in the open or encrypted. */
export function isHttpAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
