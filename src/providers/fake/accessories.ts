import type { ServerId } from '../../lib/ids.ts';
import { keypairName } from '../../lib/keypair-name.ts';
import type { Accessory, KeypairSpec, Tags } from '../provider.ts';

type Owner = Pick<Tags, 'installation' | 'record'>;

interface Keypair {
  readonly publicKey: string;
  readonly tags: Owner;
}

interface FloatingIp {
  readonly address: string;
  readonly serverId: ServerId;
  readonly tags: Owner;
}

/** Key pairs and floating IPs of the fake cloud. As in a real one, both outlive their servers. */
export class FakeAccessories {
  readonly #keypairs = new Map<string, Keypair>();
  readonly #floatingIps = new Map<string, FloatingIp>();

  get floatingIpCount(): number {
    return this.#floatingIps.size;
  }

  /** Answers its name; a key pair of that name is replaced. */
  putKeypair({ publicKey, tags }: KeypairSpec): string {
    const name = keypairName(tags);
    this.#keypairs.set(name, { publicKey, tags: ownerOf(tags) });
    return name;
  }

  /** The public key of a key pair; null: there is none of that name. */
  publicKeyOf(name: string): string | null {
    return this.#keypairs.get(name)?.publicKey ?? null;
  }

  addFloatingIp(server: { readonly id: ServerId; readonly ip: string }, tags: Tags): void {
    this.#floatingIps.set(`floating-${server.ip}`, {
      address: server.ip,
      serverId: server.id,
      tags: ownerOf(tags),
    });
  }

  /** Answers the server that a floating IP was made for; null: it was none. */
  remove({ kind, id }: Pick<Accessory, 'kind' | 'id'>): ServerId | null {
    if (kind === 'keypair') this.#keypairs.delete(id);
    if (kind !== 'floating-ip') return null;
    const found = this.#floatingIps.get(id);
    this.#floatingIps.delete(id);
    return found?.serverId ?? null;
  }

  list(isThere: (id: ServerId) => boolean): readonly Accessory[] {
    const keypairs = Array.from(this.#keypairs, ([name, { tags }]): Accessory => {
      return { kind: 'keypair', id: name, name, serverId: null, tags };
    });
    const floatingIps = Array.from(this.#floatingIps, ([id, { address, serverId, tags }]): Accessory => {
      return { kind: 'floating-ip', id, name: address, serverId: isThere(serverId) ? serverId : null, tags };
    });
    return [...keypairs, ...floatingIps];
  }
}

function ownerOf({ installation, record }: Tags): Owner {
  return { installation, record };
}
