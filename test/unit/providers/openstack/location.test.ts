import { expect, it } from 'vitest';
import type { CloudAccess } from '../../../../src/providers/openstack/access.ts';
import { describeLocation } from '../../../../src/providers/openstack/location.ts';
import { anAccess } from './session-under-test.ts';

const ofUser = anAccess.auth as Extract<CloudAccess['auth'], { kind: 'password' }>;
const credential: CloudAccess['auth'] = {
  kind: 'application-credential',
  credential: { id: '7', name: null },
  user: { id: null, name: null },
  userDomain: { id: null, name: null },
  secret: 'no one knows',
};

it.each<[text: string, access: Partial<CloudAccess>]>([
  ['https://cloud.example/identity, region DFW, project pool', { region: 'DFW' }],
  ['https://cloud.example/identity, project pool', { authUrl: 'https://cloud.example/identity/v3/' }],
  ['https://cloud.example/identity, project pool', { authUrl: 'https://cloud.example/identity/v2.0' }],
  // It is written down and shown: nothing of a password may be in it.
  ['https://cloud.example/identity, project pool', { authUrl: 'https://zoe:secret@cloud.example/identity/v3?token=7' }],
  ['https://cloud.example/identity, project pool', { auth: { ...ofUser, password: 'another' } }],
  [
    'https://cloud.example/identity, project 12',
    { auth: { ...ofUser, scope: { ...ofUser.scope, project: { id: '12', name: 'pool' } } } },
  ],
  ['https://cloud.example/identity, region DFW, application credential 7', { region: 'DFW', auth: credential }],
])('a provider is in %s', (text, access) => {
  expect(describeLocation({ ...anAccess, authUrl: 'https://cloud.example/identity', ...access })).toBe(text);
});
