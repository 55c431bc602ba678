/** Which function performs which kind of action. */
import { answerIntent } from './answer-intent.ts';
import { adoptImage, buildImage, deleteCloudImage, finishImage, saveImage, setupImage } from './build-image.ts';
import { checkNode } from './check-node.ts';
import type { Handlers } from './context.ts';
import { checkTarget, passTest, registerNode, startTest, unregisterNode } from './hand-over.ts';
import {
  inspectDiskImage,
  makeDiskImage,
  noteUploads,
  openDiskImage,
  removeDiskImage,
  retireDiskImage,
  sweepImagesDirectory,
} from './disk-images.ts';
import { attachFloatingIp } from './attach-floating-ip.ts';
import { deleteAccessory, deleteLeakedImage, deleteLeakedServer } from './delete-leaks.ts';
import { launchNodes } from './launch-nodes.ts';
import { holdNode, noteJob } from './node-jobs.ts';
import { prepareNode } from './prepare-node.ts';
import { purgeHistory } from './purge-history.ts';
import { knockServer, probeServer } from './probe-server.ts';
import { listAccessories, listImages, listServers, readLimits } from './read-cloud.ts';
import { endRequests, grantRequests } from './requests.ts';
import { removeImage, removeNode, retireImage, retireNode } from './retire.ts';
import { adoptServer, createServer, deleteServer, forgetServer } from './servers.ts';
import { openUpload, uploadImage } from './upload-image.ts';
import { withdrawImage } from './withdraw-image.ts';

export const HANDLERS: Handlers = {
  'launch-nodes': launchNodes,
  'create-server': createServer,
  'adopt-server': adoptServer,
  'probe-server': probeServer,
  'knock-server': knockServer,
  'attach-floating-ip': attachFloatingIp,
  'prepare-node': prepareNode,
  'check-node': checkNode,
  'retire-node': retireNode,
  'delete-server': deleteServer,
  'forget-server': forgetServer,
  'remove-node': removeNode,
  'build-image': buildImage,
  'setup-image': setupImage,
  'save-image': saveImage,
  'adopt-image': adoptImage,
  'finish-image': finishImage,
  'retire-image': retireImage,
  'delete-cloud-image': deleteCloudImage,
  'remove-image': removeImage,
  'delete-leaked-server': deleteLeakedServer,
  'delete-leaked-image': deleteLeakedImage,
  'delete-accessory': deleteAccessory,
  'list-accessories': listAccessories,
  'list-servers': listServers,
  'list-images': listImages,
  'read-limits': readLimits,
  'open-disk-image': openDiskImage,
  'make-disk-image': makeDiskImage,
  'retire-disk-image': retireDiskImage,
  'inspect-disk-image': inspectDiskImage,
  'remove-disk-image': removeDiskImage,
  'note-uploads': noteUploads,
  'sweep-images-directory': sweepImagesDirectory,
  'open-upload': openUpload,
  'upload-image': uploadImage,
  'withdraw-image': withdrawImage,
  'grant-requests': grantRequests,
  'end-requests': endRequests,
  'register-node': registerNode,
  'unregister-node': unregisterNode,
  'start-test': startTest,
  'pass-test': passTest,
  'hold-node': holdNode,
  'note-job': noteJob,
  'check-target': checkTarget,
  'answer-intent': answerIntent,
  'purge-history': purgeHistory,
};
