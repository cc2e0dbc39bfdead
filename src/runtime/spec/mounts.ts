import { release } from "node:os"
import { Failure } from "../../errors/failure.ts"
import type { SpecMount } from "../../oci/runtime-spec.ts"
import { defaultMounts, shmMount } from "../defaults.ts"
import type { ReadyMount, SpecHost, SpecRequest } from "./contract.ts"

/** Where the init program is found inside containers. */
export const initInContainer = "/sbin/docker-init"

/**
 * Every mount of a container, in order: the usual file systems, then files and mounts that were asked for, parents before
 * what lies in them. A mount that was asked for takes the place of a usual one.
 * @throws invalidArgument for a mount that this host cannot make
 */
export function mountsOf(request: SpecRequest, { cgroupMode, runtime }: SpecHost): SpecMount[] {
  const { security, readonlyRoot } = request
  const asked = request.mounts
    .map((mount) => (mount.type === "tmpfs" ? tmpfsMount(mount.destination, mount.options) : bindMount(mount, runtime)))
    .map((mount) => ({ ...mount, destination: cleanPath(mount.destination) }))
  const taken = new Set(asked.map((mount) => mount.destination))
  const usual = [
    ...defaultMounts({ privileged: security.privileged, writableCgroups: security.writableCgroups, cgroupMode }),
    ...sharedMemory(request),
  ]
    .filter((mount) => !taken.has(mount.destination))
    .filter((mount) => !(taken.has("/dev") && mount.destination.startsWith("/dev/")))
    .map((mount) => (readonlyRoot ? readonlyUsual(mount) : mount))
  const files = Object.entries({
    "/etc/hostname": request.files.hostname,
    "/etc/hosts": request.files.hosts,
    "/etc/resolv.conf": request.files.resolvConf,
  })
    .filter(([destination, source]) => source !== undefined && !taken.has(destination))
    .map(([destination, source]): SpecMount => {
      const access = readonlyRoot ? ["ro"] : []
      return { destination, type: "bind", source: source!, options: ["rbind", ...access, "rprivate"] }
    })
  const depth = (mount: SpecMount) => mount.destination.split("/").filter(Boolean).length
  const init: SpecMount[] = request.init
    ? [{ destination: initInContainer, type: "bind", source: request.init, options: ["bind", "ro"] }]
    : []
  return [...usual, ...[...files, ...asked, ...init].sort((one, other) => depth(one) - depth(other))]
}

/** The propagation that the root needs so that mounts with `shared` or `slave` work; undefined for the runtime's default. */
export function rootPropagation(mounts: readonly SpecMount[]): "shared" | "rslave" | undefined {
  const words = new Set(mounts.flatMap(({ options = [] }) => options))
  if (words.has("shared") || words.has("rshared")) return "shared"
  return words.has("slave") || words.has("rslave") ? "rslave" : undefined
}

function sharedMemory({ sharedMemory: memory }: SpecRequest): SpecMount[] {
  if (!memory) return []
  if ("size" in memory) return [shmMount(memory.size)]
  return [{ destination: "/dev/shm", type: "bind", source: memory.source, options: ["rbind", "rprivate"] }]
}

/** `rro` makes the mounts below read-only too (mount_setattr, Linux 5.12). */
function bindMount(mount: ReadyMount & { readonly type: "bind" }, runtime: SpecHost["runtime"]): SpecMount {
  const propagation = mount.propagation || "rprivate"
  const able = runtime.family !== "other" && hasSetattr
  if (mount.readonlyDepth === "all" && !able) {
    throw new Failure(
      "invalidArgument",
      `${mount.destination} cannot be made read-only with the mounts below it: this needs Linux 5.12 and crun or runc`,
    )
  }
  // crun takes a file that is to be read-only with everything below it for a directory.
  const recursive = able && mount.readonlyDepth !== "top" && !mount.nonRecursive && !mount.file
  const access = mount.readonly ? [recursive ? "rro" : "ro"] : []
  return {
    destination: mount.destination,
    type: "bind",
    source: mount.source,
    // Nothing lies below a single mount; and crun takes the r of `rprivate` for one of `rbind` too.
    options: mount.nonRecursive
      ? ["bind", ...access, propagation.replace(/^r/, "")]
      : ["rbind", ...access, propagation],
  }
}

const [major = 0, minor = 0] = release().split(".").map(Number)
const hasSetattr = major > 5 || (major === 5 && minor >= 12)

const opposites: Readonly<Record<string, string>> = { exec: "noexec", suid: "nosuid", dev: "nodev" }

/** nosuid, nodev and noexec unless the opposite is asked for. */
function tmpfsMount(destination: string, options: readonly string[]): SpecMount {
  const usual = Object.entries(opposites)
    .filter(([allowed, denied]) => !options.includes(allowed) && !options.includes(denied))
    .map(([, denied]) => denied)
  return { destination, type: "tmpfs", source: "tmpfs", options: [...usual, ...options] }
}

const staysWritable = new Set(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"])

function readonlyUsual(mount: SpecMount): SpecMount {
  if (staysWritable.has(mount.destination) || mount.options?.includes("ro")) return mount
  return { ...mount, options: [...(mount.options ?? []).filter((option) => option !== "rw"), "ro"] }
}

/** Without doubled or closing slashes, `.` and `..`. */
function cleanPath(path: string): string {
  const kept: string[] = []
  for (const part of path.split("/")) {
    if (part === "..") kept.pop()
    else if (part !== "" && part !== ".") kept.push(part)
  }
  return `/${kept.join("/")}`
}
