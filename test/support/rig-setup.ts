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
  if (await isRigUp(rig)) return undefined;
  // What a rig that was cut off recorded as started, openstack-up demands even where it does not start it again.
  await runRigScript(rig, 'openstack-down');
  await runRigScript(rig, 'openstack-up');
  return () => runRigScript(rig, 'openstack-down');
}
