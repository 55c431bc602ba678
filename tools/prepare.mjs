// Builds the program when it is installed from its sources (npm runs this as `prepare`). An installation without
// the development dependencies has no compiler, and needs none: its `dist` was built before, or is not wanted.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  } catch {
    return null;
  }
}

const compiler = findCompiler();
if (compiler !== null) {
  const project = fileURLToPath(new URL('tsconfig.build.json', import.meta.url));
  const { status } = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
