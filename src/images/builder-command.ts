/** How the builder program is called: the arguments and the environment that the original gave to diskimage-builder. */
import type { Environment } from '../config/state-directory.ts';
import type { BuildOrder } from './disk-images.ts';

/** `output` is the path of the files to be made, without their extensions. */
export function builderArguments(
  { config }: BuildOrder,
  { asked, output }: { asked: readonly string[]; output: string },
): readonly string[] {
  const hasOptions = asked.includes('qcow2') && config.qemuImgOptions !== '';
  return [
    '-x',
    ...['-t', asked.join(',')],
    '--no-tmpfs',
    ...(hasOptions ? ['--qemu-img-options', config.qemuImgOptions] : []),
    ...['-o', output],
    // The original joined them with blanks: an entry may hold several.
    ...config.elements.flatMap((entry) => entry.split(/\s+/)).filter((element) => element !== ''),
  ];
}

/** Variable that tells a process of a build by its environment. */
export const OUTPUT_VARIABLE = 'DIB_IMAGE_FILENAME';

/**
 * What no build needs: one unlocks the daemon's own SSH keys, and diskimage-builder is told to trace what it does; with the
 * other one a program could speak to systemd in the daemon's name.
 */
const NOT_PASSED_ON: readonly string[] = ['NODEPOOL_SSH_PASSPHRASE', 'NOTIFY_SOCKET'];

/** The daemon's environment, what the original added to it, and last the image's own `env-vars`, which win. */
export function builderEnvironment(
  { image, config, elementsDir, scriptDir }: BuildOrder,
  { env, output }: { env: Environment; output: string },
): Environment {
  const passedOn = Object.fromEntries(Object.entries(env).filter(([name]) => !NOT_PASSED_ON.includes(name)));
  return {
    ...passedOn,
    DIB_RELEASE: config.release,
    DIB_IMAGE_NAME: image,
    [OUTPUT_VARIABLE]: output,
    ...(elementsDir === null ? {} : { ELEMENTS_PATH: elementsDir }),
    ...(scriptDir === null ? {} : { NODEPOOL_SCRIPTDIR: scriptDir }),
    ...config.envVars,
  };
}
