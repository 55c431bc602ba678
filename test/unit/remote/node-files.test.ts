import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { nodeFiles, type NodeSet, type SetServer } from '../../../src/remote/node-files.ts';

const server = (name: string, ip: string, ipPrivate: string | null): SetServer => ({
  serverId: serverId(name),
  ip,
  ipPrivate,
});

const primary = server('uuid-p', '203.0.113.1', '10.0.0.1');
const sub1 = server('uuid-1', '203.0.113.2', '10.0.0.2');
const sub2 = server('uuid-2', '203.0.113.3', null);

const SET: NodeSet = {
  provider: 'rax-dfw',
  cloud: 'rax',
  region: 'DFW',
  az: null,
  primary,
  subnodes: [sub1, sub2],
  keyPair: { privateKey: '-----BEGIN RSA PRIVATE KEY-----\n', publicKey: 'ssh-rsa AAAA\n' },
};

describe('nodeFiles', () => {
  it('tells each server of a set what it is and who the others are, the primary last', () => {
    const shared = [
      { path: '/etc/nodepool/primary_node', content: '203.0.113.1\n', mode: 0o644 },
      { path: '/etc/nodepool/primary_node_private', content: '10.0.0.1\n', mode: 0o644 },
      { path: '/etc/nodepool/sub_nodes', content: '203.0.113.2\n203.0.113.3\n', mode: 0o644 },
      { path: '/etc/nodepool/sub_nodes_private', content: '10.0.0.2\n203.0.113.3\n', mode: 0o644 },
      { path: '/etc/nodepool/id_rsa', content: '-----BEGIN RSA PRIVATE KEY-----\n', mode: 0o600 },
      { path: '/etc/nodepool/id_rsa.pub', content: 'ssh-rsa AAAA\n', mode: 0o644 },
      {
        path: '/etc/nodepool/provider',
        content: 'NODEPOOL_PROVIDER=rax-dfw\nNODEPOOL_CLOUD=rax\nNODEPOOL_REGION=DFW\nNODEPOOL_AZ=\n',
        mode: 0o644,
      },
    ];
    const expected = (own: SetServer, role: string, ownPrivate: string) => ({
      server: own,
      files: [
        { path: '/etc/nodepool/role', content: `${role}\n`, mode: 0o644 },
        { path: '/etc/nodepool/node', content: `${own.ip}\n`, mode: 0o644 },
        { path: '/etc/nodepool/node_private', content: `${ownPrivate}\n`, mode: 0o644 },
        ...shared,
        { path: '/etc/nodepool/uuid', content: `${own.serverId}\n`, mode: 0o644 },
      ],
    });
    expect(nodeFiles(SET)).toEqual([
      expected(sub1, 'sub', '10.0.0.2'),
      expected(sub2, 'sub', '203.0.113.3'),
      expected(primary, 'primary', '10.0.0.1'),
    ]);
  });

  it('gives a plain node empty lists of subnodes, and no keys when there are none', () => {
    const all = nodeFiles({ ...SET, subnodes: [], keyPair: null });
    const contents = new Map(all[0]?.files.map(({ path, content }) => [path.replace('/etc/nodepool/', ''), content]));
    expect(all).toHaveLength(1);
    expect([...contents.keys()]).toEqual([
      'role',
      'node',
      'node_private',
      'primary_node',
      'primary_node_private',
      'sub_nodes',
      'sub_nodes_private',
      'provider',
      'uuid',
    ]);
    expect([contents.get('role'), contents.get('sub_nodes'), contents.get('sub_nodes_private')]).toEqual([
      'primary\n',
      '',
      '',
    ]);
  });

  it('quotes what a shell would not take as it is', () => {
    const files = nodeFiles({ ...SET, provider: "o'brien", region: 'US East', az: '$(reboot)' })[0]?.files;
    expect(files?.find(({ path }) => path.endsWith('/provider'))?.content).toBe(
      "NODEPOOL_PROVIDER='o'\\''brien'\nNODEPOOL_CLOUD=rax\nNODEPOOL_REGION='US East'\nNODEPOOL_AZ='$(reboot)'\n",
    );
  });
});
