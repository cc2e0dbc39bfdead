import { fileTypes } from "../../linux/files.ts"
import type { FileStatus } from "../../linux/stat.ts"
import { getXattr, setXattr, type XattrSubject } from "../../linux/xattr.ts"

export const isDirectory = (status: FileStatus): boolean => (status.mode & fileTypes.mask) === fileTypes.directory
export const isSymlink = (status: FileStatus): boolean => (status.mode & fileTypes.mask) === fileTypes.symlink

/** Whether an entry of a layer hides what lower layers have by its name. */
export const isWhiteout = (status: FileStatus): boolean =>
  (status.mode & fileTypes.mask) === fileTypes.character && status.major === 0 && status.minor === 0

const opaque = "trusted.overlay.opaque"
const yes = Buffer.from("y")

/** Makes a directory hide everything that lower layers have in it. @throws SystemError */
export const setOpaque = (subject: XattrSubject): void => setXattr(subject, opaque, yes)

/** Whether a directory hides everything that lower layers have in it. @throws SystemError */
export const isOpaque = (subject: XattrSubject): boolean => getXattr(subject, opaque)?.equals(yes) ?? false
