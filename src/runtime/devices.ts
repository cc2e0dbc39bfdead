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
  const nodes = nodesBelow(resolved)
  if (!nodes)
    throw gathering(hostPath, `it is a directory with more than ${mostEntries} entries; name the device itself`)
  const found = nodes.map(([path, node]) => describe(node, containerPath + path.slice(resolved.length), access)!)
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
  (nodesBelow("/dev") ?? []).map(([path, stats]) => describe(stats, path, "rwm")!.device)

/** Enough for any /dev; a walk through a whole disk would hold everything else up. */
const mostEntries = 50_000

/** The device nodes in a directory and below. @returns undefined when there is too much to look at */
function nodesBelow(top: string): [path: string, stats: Stats][] | undefined {
  const found: [string, Stats][] = []
  let entries = 0
  const walk = (directory: string): void => {
    for (const name of namesIn(directory)) {
      if (++entries > mostEntries) return
      const path = `${directory === "/" ? "" : directory}/${name}`
      if (ownMounts.has(path)) continue
      const stats = statusOf(path)
      if (stats?.isDirectory()) walk(path)
      else if (stats?.isCharacterDevice() || stats?.isBlockDevice()) found.push([path, stats])
    }
  }
  walk(top)
  return entries > mostEntries ? undefined : found
}

function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** What is in a directory; nothing when it cannot be read or has just gone, as Docker has it. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return []
  }
}

/** The numbers of a block device, for IO limits. @throws invalidArgument when it is none */
export function blockDeviceNumbers(path: string): { readonly major: number; readonly minor: number } {
  let stats: Stats
  try {
    stats = statSync(path)
  } catch (error) {
    throw new Failure("invalidArgument", `no such file or directory: ${path}`, error)
  }
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
