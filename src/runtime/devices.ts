import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import type { Device, DeviceRule } from "../oci/runtime-spec.ts"

/** A device node for the container, and the rule that lets it be used. */
export interface MappedDevice {
  readonly device: Device
  readonly rule: DeviceRule
}

/** Major and minor number of a node's `st_rdev` (makedev(3), Linux's 64-bit form). */
export const deviceNumbers = (rdev: number): { readonly major: number; readonly minor: number } => {
  const value = BigInt(rdev)
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)),
    minor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  }
}

function describe(stats: Stats, path: string, access: string): MappedDevice | undefined {
  const type = stats.isCharacterDevice() ? "c" : stats.isBlockDevice() ? "b" : undefined
  if (!type) return undefined
  const { major, minor } = deviceNumbers(stats.rdev)
  return {
    device: { path, type, major, minor, fileMode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid },
    rule: { allow: true, type, major, minor, access },
  }
}

/**
 * Resolves `--device HOST[:CONTAINER][:PERMISSIONS]`: a node, or a directory whose nodes are all given.
 * @throws invalidArgument in Docker's words when there is no device
 */
export function mapDevice(hostPath: string, containerPath: string, access: string): MappedDevice[] {
  let resolved: string
  let stats: Stats
  try {
    resolved = realpathSync(hostPath)
    stats = statSync(resolved)
  } catch (error) {
    throw gathering(hostPath, "no such file or directory", error)
  }
  const single = describe(stats, containerPath, access)
  if (single) return [single]
  if (!stats.isDirectory()) throw gathering(hostPath, "not a device node")
  const found = nodesBelow(resolved).map(
    ([path, node]) => describe(node, containerPath + path.slice(resolved.length), access)!,
  )
  if (found.length === 0) throw gathering(hostPath, "not a device node")
  return found
}

const gathering = (path: string, why: string, cause?: unknown) =>
  new Failure(
    "invalidArgument",
    `error gathering device information while adding custom device "${path}": ${why}`,
    cause,
  )

/** What has its own mount in every container. */
const ownMounts = new Set([
  "/dev/pts",
  "/dev/shm",
  "/dev/fd",
  "/dev/mqueue",
  "/dev/console",
  "/dev/.lxc",
  "/dev/.lxd-mounts",
  "/dev/.udev",
])

/** Every device node of the host, for privileged containers. */
export const hostDevices = (): Device[] =>
  nodesBelow("/dev").map(([path, stats]) => describe(stats, path, "rwm")!.device)

function nodesBelow(directory: string): [path: string, stats: Stats][] {
  const found: [string, Stats][] = []
  for (const name of readdirSync(directory).sort()) {
    const path = `${directory}/${name}`
    if (ownMounts.has(path)) continue
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isDirectory()) found.push(...nodesBelow(path))
    else if (stats?.isCharacterDevice() || stats?.isBlockDevice()) found.push([path, stats])
  }
  return found
}

/** The numbers of a block device, for IO limits. @throws invalidArgument when it is none */
export function blockDeviceNumbers(path: string): { readonly major: number; readonly minor: number } {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new Failure("invalidArgument", `no such file or directory: ${path}`)
  if (!stats.isBlockDevice()) throw new Failure("invalidArgument", `${path} is not a block device`)
  return deviceNumbers(stats.rdev)
}

/**
 * Reads a `--device-cgroup-rule` such as `c 7:* rmw`.
 * @throws invalidArgument in Docker's words
 */
export function parseDeviceRule(text: string): DeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text)
  if (!match) throw new Failure("invalidArgument", `invalid device cgroup rule format: '${text}'`)
  const [, type, major, minor, access] = match
  return {
    allow: true,
    type: type as "a" | "b" | "c",
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access: access!,
  }
}
