/** What a record's server is to be: from the record and the configuration in force. Pure. */
import type { Config, ProviderConfig, ProviderImageConfig, TargetConfig } from '../config/types.ts';
import { toSeconds } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import { formatTemplate } from '../lib/template.ts';
import type { ImageRecord, NodeRecord } from '../lifecycle/records.ts';
import type { SlotRef } from '../planning/actions.ts';
import type { ServerSpec } from '../providers/provider.ts';
import { departed, findImage, nodeOf, type ActionContext } from './context.ts';

export interface PlannedServer {
  readonly spec: ServerSpec;
  /** Host name up to its first dot. */
  readonly nodename: string;
}

/** Throws `aborted` when the configuration has left, `rejected` when there is nothing to boot from. */
export function planServer(context: ActionContext, slot: SlotRef, attempt: number): PlannedServer {
  const { installation } = context.world;
  const tags = { installation, record: slot.key, attempt };
  if (slot.kind === 'image') return templateServer(context, findImage(context, slot.id), tags);
  const node = nodeOf(context, slot);
  return nodeServer(context, { node, subnodeId: slot.kind === 'subnode' ? slot.id : null }, tags);
}

export function providerOf(config: Config, name: string): ProviderConfig {
  const provider = config.providers.get(name);
  if (provider === undefined) throw departed(`provider ${name}`);
  return provider;
}

export function imageOf(provider: ProviderConfig, name: string): ProviderImageConfig {
  const image = provider.images.get(name);
  if (image === undefined) throw departed(`image ${name} at provider ${provider.name}`);
  return image;
}

/** The provider image that a node boots from and logs in by. */
export function nodeImage(config: Config, node: NodeRecord): ProviderImageConfig {
  const label = config.labels.get(node.label);
  if (label === undefined) throw departed(`label ${node.label}`);
  return imageOf(providerOf(config, node.provider), label.image);
}

interface NodeServer {
  readonly node: NodeRecord;
  readonly subnodeId: number | null;
}

function nodeServer(context: ActionContext, { node, subnodeId }: NodeServer, tags: ServerSpec['tags']): PlannedServer {
  const { config, images } = context.world;
  const provider = providerOf(config, node.provider);
  const image = nodeImage(config, node);
  const target = config.targets.get(node.target);
  if (target === undefined) throw departed(`target ${node.target}`);
  const source = images.find(({ id }) => id === node.imageId);
  if (source === undefined || source.cloudImageId === null) {
    throw new NodepoolError('rejected', `the image that node ${node.id} was to boot from is gone`);
  }
  const name = hostname(target, { node, subnodeId });
  const metadata = classicMetadata({ provider: provider.name, image: image.name, key: 'node_id', id: node.id });
  return {
    nodename: name.split('.', 1)[0] ?? name,
    spec: {
      name,
      image: { id: source.cloudImageId },
      az: node.az,
      keypair: image.keyName,
      userData: image.userData,
      volumeGb: image.volumeGb,
      tags,
      metadata,
      ...commonSpec(image),
    },
  };
}

function hostname(target: TargetConfig, { node, subnodeId }: NodeServer): string {
  const values = {
    'label.name': node.label,
    'provider.name': node.provider,
    node_id: node.id,
    timestamp: toSeconds(node.createdAt),
  };
  if (subnodeId === null) return formatTemplate(target.hostname, values);
  return formatTemplate(target.subnodeHostname, { ...values, subnode_id: subnodeId });
}

function templateServer({ world }: ActionContext, record: ImageRecord, tags: ServerSpec['tags']): PlannedServer {
  const provider = providerOf(world.config, record.provider);
  const image = imageOf(provider, record.image);
  if (image.source.kind !== 'snapshot')
    throw new NodepoolError('rejected', `image ${image.name} is not made by snapshot`);
  const name = record.hostname ?? `template-${record.image}-${record.version}`;
  const metadata = classicMetadata({
    provider: provider.name,
    image: image.name,
    key: 'snapshot_image_id',
    id: record.id,
  });
  return {
    nodename: name.split('.', 1)[0] ?? name,
    spec: {
      ...commonSpec(image),
      name,
      image: { base: image.source.baseImage },
      az: provider.availabilityZones[0] ?? null,
      keypair: provider.keypair,
      // It has to be as its base image is, on a disk that can be saved.
      userData: null,
      volumeGb: null,
      tags,
      metadata,
    },
  };
}

function commonSpec({
  minRamMb,
  nameFilter,
  configDrive,
}: ProviderImageConfig): Pick<ServerSpec, 'minRamMb' | 'nameFilter' | 'configDrive'> {
  return { minRamMb, nameFilter, configDrive };
}

/** The metadata that the original put on its servers (classic 3.4): other tools look for it. */
function classicMetadata({
  provider,
  image,
  key,
  id,
}: {
  provider: string;
  image: string;
  key: string;
  id: number;
}): Record<string, string> {
  return {
    groups: JSON.stringify([provider, image]),
    nodepool: JSON.stringify({ provider_name: provider, image_name: image, [key]: id }),
  };
}
