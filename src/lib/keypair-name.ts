/**
 * The name that the key pair of a record's server has at the cloud: key pairs carry no tags, so it says whose it is.
 */
export function keypairName({ installation, record }: { installation: string; record: string }): string {
  return `nodepool-${installation}-${record}`;
}
