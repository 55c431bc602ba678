import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { viewListing, type ListingView } from '../../../src/planning/listings.ts';
import type { Server } from '../../../src/providers/provider.ts';
import { aListing, aNode, anUnknownListing, aServer, INSTALLATION, NOW, tagsOf } from '../../support/builders.ts';

const node = aNode();
const tags = tagsOf('node', node);
const { record } = tags;
const first = aServer({ tags });
const second = aServer({ tags: { ...tags, attempt: 2 } });
const foreign = aServer({ tags: { ...tags, installation: 'other' } });
const untagged = aServer();

const view = (...items: readonly Server[]): ListingView<Server> => viewListing(aListing(items), INSTALLATION);
const idsOf = (servers: readonly Server[]): string[] => servers.map(({ id }) => id);

describe('a listing', () => {
  it('tells by id what it shows, whoever owns it', () => {
    const shown = view(first, untagged);
    expect([shown.find(untagged.id), shown.find(second.id), shown.takenAt]).toEqual([untagged, null, NOW]);
  });

  it('tells what carries a record’s tag, the first listed first', () => {
    expect(idsOf(view(first, untagged, second, foreign).belongingTo(record, null))).toEqual(idsOf([first, second]));
  });

  it('counts a server that the record knows by id, even without a tag, and only once', () => {
    const shown = view(first, untagged, second);
    expect(idsOf(shown.belongingTo(record, untagged.id))).toEqual(idsOf([untagged, first, second]));
    expect(idsOf(shown.belongingTo(record, second.id))).toEqual(idsOf([first, second]));
    expect(idsOf(shown.belongingTo(record, serverId('absent')))).toEqual(idsOf([first, second]));
  });

  it('shows nothing while it is unknown', () => {
    const unknown = viewListing<Server>(anUnknownListing(), INSTALLATION);
    expect([unknown.takenAt, unknown.items, unknown.find(first.id), unknown.belongingTo(record, first.id)]).toEqual([
      null,
      [],
      null,
      [],
    ]);
  });
});
