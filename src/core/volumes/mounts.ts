import { lookup } from "node:dns/promises"
import { realpathSync } from "node:fs"
import { isIPv4 } from "node:net"
import { Failure } from "../../errors/failure.ts"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { mountFlags } from "../../linux/mount.ts"
import { parseMountOptions } from "../../linux/mount-options.ts"
import { mountHolding, mountTable } from "../../linux/mount-table.ts"

/** A file system as a volume names it. */
export interface VolumeSource {
  readonly device: string
  readonly type: string
  /** As mount(8) has them, separated by commas. */
  readonly options: string
}

/** Mounts and unmounts the file systems of volumes, in a thread that may wait for their servers. */
export class VolumeMounts {
  readonly #blocking: BlockingCalls

  constructor(blocking: BlockingCalls) {
    this.#blocking = blocking
  }

  /** @throws internal with Docker's text; passwords in options are not told */
  async mount(source: VolumeSource, target: string): Promise<void> {
    const { device, options } = await withAddress(source)
    const { flags, propagation, data } = parseMountOptions(options)
    try {
      await this.#blocking.mount({ source: device, target, type: source.type, flags, data })
      if (propagation) await this.#blocking.mount({ source: "none", target, flags: propagation })
      if (flags & mountFlags.bind && flags & mountFlags.readonly) {
        await this.#blocking.mount({ source: "none", target, flags: flags | mountFlags.remount })
      }
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      const why = (code && reasons[code]) ?? message
      const told = `mount ${device}:${target}, data: ${options}: ${why}`
      throw new Failure(
        "internal",
        `failed to mount local volume: ${told.replace(/\b(password=)[^,:]*/, "$1********")}`,
        error,
      )
    }
  }

  async unmount(target: string): Promise<void> {
    await this.#blocking.unmount(target)
  }

  /** Whether anything is mounted at `directory` or below it. */
  holdsMounts(directory: string): boolean {
    return mountTable().some(({ mountPoint }) => mountPoint === directory || mountPoint.startsWith(`${directory}/`))
  }

  /** Unmounts everything below `directory`. @throws internal when something stays */
  async unmountBelow(directory: string): Promise<void> {
    const inside = () => mountTable().filter(({ mountPoint }) => mountPoint.startsWith(`${directory}/`))
    for (const { mountPoint } of inside().toReversed()) await this.unmount(mountPoint)
    const left = inside()[0]
    if (left) throw new Failure("internal", `${left.mountPoint} cannot be unmounted`)
  }

  /** Deletes a directory that is out of sight, however large. */
  removeTree(path: string): Promise<void> {
    return this.#blocking.removeTree(path)
  }

  isMounted(target: string): boolean {
    return mountTable().some((entry) => entry.mountPoint === target)
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBUSY: "device or resource busy",
  ECONNREFUSED: "connection refused",
  EINVAL: "invalid argument",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOTBLK: "block device required",
  ENOTDIR: "not a directory",
  EPERM: "operation not permitted",
  ETIMEDOUT: "connection timed out",
}

/** The kernel looks no names up: `addr=` of nfs and cifs becomes an address, and the host in a cifs device. */
async function withAddress(source: VolumeSource): Promise<VolumeSource> {
  if (source.type !== "nfs" && source.type !== "cifs") return source
  const named = source.options.split(",").find((word) => word.startsWith("addr="))
  const host = named?.slice("addr=".length)
  if (host && !isIPv4(host)) {
    return { ...source, options: source.options.replace(`addr=${host}`, `addr=${await addressOf(host)}`) }
  }
  const server = source.type === "cifs" && !host ? /^\/\/([^/]+)\//.exec(source.device)?.[1] : undefined
  if (!server || isIPv4(server)) return source
  return { ...source, device: source.device.replace(`//${server}/`, `//${await addressOf(server)}/`) }
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address
  } catch (error) {
    throw new Failure(
      "internal",
      `error resolving passed in network volume address: lookup ${host}: no such host`,
      error,
    )
  }
}

/**
 * Whether what is mounted below a host's path is going to be seen in a container, as `shared` and `slave` want it.
 * @throws internal in Docker's words
 */
export function checkPropagation(path: string, propagation: string): void {
  const kind = propagation.replace(/^r/, "")
  if (kind !== "shared" && kind !== "slave") return
  const holder = mountHolding(realpathSync(path))
  if (!holder || holder.shared || (kind === "slave" && holder.slave)) return
  const wanted = kind === "shared" ? "a shared mount" : "a shared or slave mount"
  throw new Failure("internal", `path ${path} is mounted on ${holder.mountPoint} but it is not ${wanted}`)
}
