/**
 * A process that builds one disk image with the built program, to be killed. Its argument is JSON: `settings`, `order`,
 * `programs`. It prints the files, or the error.
 */
import { createDiskImages } from '../../../dist/src/images/create-disk-images.js';
import { systemClock } from '../../../dist/src/lib/clock.js';
import { silentLog } from '../../../dist/src/lib/log.js';
import { systemRandom } from '../../../dist/src/lib/random.js';

const { settings, order, programs } = JSON.parse(process.argv[2]);
const images = createDiskImages({
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  env: process.env,
  programs,
});
images.configure(settings);
const files = await images.build(order, new AbortController().signal);
process.stdout.write(`${JSON.stringify(files)}\n`);
