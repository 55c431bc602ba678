/** The `diskimages` section of the schema. */
import * as z from 'zod';
import { age, checked, looseMap, name, text, timeLimit } from './schema-fields.ts';

/** Formats that clouds take and `qemu-img` writes. */
export const CLOUD_FORMATS = ['qcow2', 'raw', 'vhd', 'vmdk'] as const;

/** All that `disk-image-create` knows, too. */
const FORMATS = [...CLOUD_FORMATS, 'tar', 'tgz', 'squashfs', 'docker', 'aci'] as const;

export const diskimage = z.strictObject({
  name: name.describe('Name of the disk image.'),
  elements: z.array(text).default([]).describe('Elements for diskimage-builder.'),
  release: z.union([z.string(), z.number()]).default('').describe('Release of the distribution (DIB_RELEASE).'),
  'env-vars': checked(looseMap, (value) => {
    const wrong = Object.keys(value).some((key) => key === '' || key.includes('='));
    return wrong ? 'has a variable name that is empty or holds "="; correct it' : null;
  })
    .default({})
    .describe('Further environment variables of the build.'),
  formats: z
    .array(z.enum(FORMATS))
    .default([])
    .describe('Formats to make beside those that providers ask for with image-type.'),
  'rebuild-age': age.optional().describe('Seconds after which a build is due again; default: only when cron says so.'),
  'build-timeout': timeLimit.default(28_800).describe('Seconds that a build may take.'),
  'dib-cmd': text.default('disk-image-create').describe('Program that builds, with the arguments of this one.'),
  'qemu-img-options': text.default('compat=0.10').describe('Options for qcow2 files, as qemu-img takes them after -o.'),
  pause: z.boolean().default(false).describe('Do not build it.'),
});
