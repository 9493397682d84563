import { refuse } from '#base'
import type { Files } from './file.ts'

/** Files where there is neither a disk nor an account for them: every device is refused, and there is nothing to see. */
export const filesOff: Files = {
  begin: async () => refuse('hub/file-upload-off', 'This hub takes no files.'),
  complete: async () => refuse('hub/upload-unknown', 'The device has no such upload.'),
  isBlobPath: () => false,
  putBlock: async () => forbidden,
  putBlockList: async () => forbidden,
  putBlob: async () => forbidden,
  list: async () => ({ files: [], next: null }),
  read: async () => undefined,
  remove: async () => refuse('hub/file-not-found', 'There is no file of this name.'),
}

const forbidden = refuse('hub/blob-forbidden', 'This hub takes no files.')
