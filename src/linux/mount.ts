import { check, cString, libc, types } from "./libc.ts"
import { type OverlayLayers, withOverlayOptions } from "./overlay.ts"

const c = libc({
  mount: { args: [types.ptr, types.ptr, types.ptr, types.u64, types.ptr], returns: types.i32 },
  umount2: { args: [types.ptr, types.i32], returns: types.i32 },
})

/** Flags of mount(2). */
export const mountFlags = {
  readonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 4096,
  recursive: 16384,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
} as const

export interface MountRequest {
  readonly source: string
  readonly target: string
  /** A file system type; absent for bind and propagation changes. */
  readonly type?: string
  /** Bits of {@link mountFlags}. */
  readonly flags?: number
  /** The file system's own options, comma separated; at most a page (4095 bytes). */
  readonly data?: string
  /** The directories of an overlay, added to `data`; however many they are. */
  readonly overlay?: OverlayLayers
}

/** mount(2). @throws SystemError */
export function mount(request: MountRequest): void {
  const { overlay, ...rest } = request
  if (overlay) {
    withOverlayOptions(overlay, rest.data, (data) => mount({ ...rest, data }))
    return
  }
  const source = cString(request.source)
  const target = cString(request.target)
  const type = request.type === undefined ? null : cString(request.type)
  const data = request.data === undefined ? null : cString(request.data)
  check(c.mount(source, target, type, BigInt(request.flags ?? 0), data), "mount", request.target)
}

/**
 * umount2(2). `detach` takes the mount out of sight at once and lets the kernel finish when nobody uses it. May block
 * while written data goes to disk: not on a thread that serves requests.
 * @throws SystemError; EINVAL when nothing is mounted there
 */
export function umount(target: string, options: { readonly detach?: boolean } = {}): void {
  const path = cString(target)
  check(c.umount2(path, options.detach ? 2 : 0), "umount", target)
}
