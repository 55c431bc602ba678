import type { ServerSlot } from '../lifecycle/records.ts';
import type { SlotRef } from '../planning/actions.ts';
import { findImage, findNode, findSubnode, type ActionContext } from './context.ts';

/** What the record that owns a server knows of it. */
export function slotRecord(context: ActionContext, { kind, id }: Pick<SlotRef, 'kind' | 'id'>): ServerSlot {
  if (kind === 'image') return findImage(context, id);
  return kind === 'node' ? findNode(context, id) : findSubnode(context, id).subnode;
}
