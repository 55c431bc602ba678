/** Starts the OpenStack rig for a project's tests when it does not run, and stops it in the end if it was started here. */
import type { TestProject } from 'vitest/node';
import { findRig, isRigUp, runRigScript, type Rig } from './rig.ts';

declare module 'vitest' {
  interface ProvidedContext {
    rig: Rig;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const rig = await findRig();
  project.provide('rig', rig);
  if ((await isRigUp(rig)) && (await complete(rig))) return undefined;
  // What a rig that was cut off recorded as started, openstack-up demands even where it does not start it again.
  await runRigScript(rig, 'openstack-down');
  await runRigScript(rig, 'openstack-up');
  return () => runRigScript(rig, 'openstack-down');
}

/** Whoever started it may still be at it, and an earlier run may have left a part of it. Answers whether it is whole now. */
function complete(rig: Rig): Promise<boolean> {
  return runRigScript(rig, 'openstack-up').then(
    () => true,
    // It has said why.
    () => false,
  );
}
