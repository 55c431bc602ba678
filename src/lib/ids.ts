/** Ids that a cloud gives out are branded, so that a server's cannot be passed where an image's is due. */

declare const brand: unique symbol;

export type ServerId = string & { readonly [brand]: 'server' };
export type CloudImageId = string & { readonly [brand]: 'cloud-image' };

export function serverId(value: string): ServerId {
  return value as ServerId;
}

export function cloudImageId(value: string): CloudImageId {
  return value as CloudImageId;
}
