import { AT_FDCWD, closeDescriptor, openAt, openFlags } from "./files.ts"
import { mount, mountFlags } from "./mount.ts"

/**
 * Mounts an EROFS image in a file, read-only, without a loop device (Linux 6.12).
 * @param options.device the file that holds the data which the image points at
 * @throws SystemError
 */
export function mountErofs(options: {
  readonly image: string
  readonly device: string
  readonly target: string
}): void {
  const { image, target } = options
  // A comma would end the option.
  const opened = options.device.includes(",") ? openAt(AT_FDCWD, options.device, openFlags.readonly) : undefined
  try {
    const device = opened === undefined ? options.device : `/proc/self/fd/${opened}`
    mount({ source: image, target, type: "erofs", flags: mountFlags.readonly, data: `device=${device}` })
  } finally {
    if (opened !== undefined) closeDescriptor(opened)
  }
}
