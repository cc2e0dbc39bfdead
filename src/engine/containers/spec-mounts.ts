import { release } from "node:os"
import { Failure } from "../../errors/failure.ts"
import type { SpecMount } from "../../oci/runtime-spec.ts"
import { defaultMounts, defaultShmSize, shmMount } from "../../runtime/defaults.ts"
import { parseSecurityOptions } from "./security-options.ts"
import type { ResolvedMount, SpecInput } from "./spec-input.ts"

/** Where the init program is found inside containers. */
export const initInContainer = "/sbin/docker-init"

/** Whether `--init` takes effect: only a process 1 of its own can be replaced. */
export const wantsInit = (input: SpecInput): boolean => input.host.Init === true && input.host.PidMode === ""

/**
 * Every mount of a container, in order: the usual file systems, then files and mounts that were asked for, parents before
 * what lies in them. A mount that was asked for takes the place of a usual one.
 * @throws invalidArgument when a shared /dev/shm is not to be had
 */
export function mountsOf(input: SpecInput): SpecMount[] {
  const asked = askedMounts(input)
  const taken = new Set(asked.map((mount) => mount.destination))
  const { writableCgroups } = parseSecurityOptions(input.host.SecurityOpt ?? [])
  const usual = [
    ...defaultMounts({ privileged: input.host.Privileged, writableCgroups, cgroupMode: input.cgroupMode }),
    ...shm(input),
  ]
    .filter((mount) => !taken.has(mount.destination))
    .filter((mount) => !(taken.has("/dev") && mount.destination.startsWith("/dev/")))
    .map((mount) => (input.host.ReadonlyRootfs ? readonlyUsual(mount) : mount))
  const files = Object.entries({
    "/etc/hostname": input.files.hostname,
    "/etc/hosts": input.files.hosts,
    "/etc/resolv.conf": input.files.resolvConf,
  })
    .filter(([destination, source]) => source !== undefined && !taken.has(destination))
    .map(([destination, source]): SpecMount => {
      const access = input.host.ReadonlyRootfs ? ["ro"] : []
      return { destination, type: "bind", source: source!, options: ["rbind", ...access, "rprivate"] }
    })
  const depth = (mount: SpecMount) => mount.destination.split("/").filter(Boolean).length
  const init = wantsInit(input) ? [initMount(input)] : []
  return [...usual, ...[...files, ...asked, ...init].sort((one, other) => depth(one) - depth(other))]
}

/** The propagation that the root needs so that mounts with `shared` or `slave` work; undefined for the runtime's default. */
export function rootPropagation(mounts: readonly SpecMount[]): "shared" | "rslave" | undefined {
  const words = new Set(mounts.flatMap(({ options = [] }) => options))
  if (words.has("shared") || words.has("rshared")) return "shared"
  return words.has("slave") || words.has("rslave") ? "rslave" : undefined
}

function initMount(input: SpecInput): SpecMount {
  if (!input.initPath)
    throw new Failure(
      "invalidArgument",
      "--init needs an init program on the host: install the package tini or catatonit, or run without --init",
    )
  return { destination: initInContainer, type: "bind", source: input.initPath, options: ["bind", "ro"] }
}

function shm(input: SpecInput): SpecMount[] {
  const mode = input.host.IpcMode
  if (mode === "none") return []
  const bind = (source: string): SpecMount[] => [
    { destination: "/dev/shm", type: "bind", source, options: ["rbind", "rprivate"] },
  ]
  if (mode === "host") return bind("/dev/shm")
  if (mode.startsWith("container:")) {
    if (input.ipcFrom?.shmPath) return bind(input.ipcFrom.shmPath)
    throw new Failure(
      "invalidArgument",
      `can't join IPC of container ${mode.slice("container:".length)}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    )
  }
  if (mode === "shareable" && input.shmPath) return bind(input.shmPath)
  return [shmMount(Number(input.host.ShmSize) || defaultShmSize)]
}

function askedMounts(input: SpecInput): SpecMount[] {
  const tmpfs = Object.entries(input.host.Tmpfs ?? {}).map(([destination, options]) =>
    tmpfsMount(destination, options.split(",").filter(Boolean)),
  )
  const mounts = input.mounts.map((mount) =>
    mount.type === "tmpfs" ? tmpfsMount(mount.destination, mount.options) : bindMount(mount, input),
  )
  return [...mounts, ...tmpfs].map((mount) => ({ ...mount, destination: cleanPath(mount.destination) }))
}

/** `rro` makes the mounts below read-only too (mount_setattr, Linux 5.12). */
function bindMount(mount: ResolvedMount & { readonly type: "bind" }, input: SpecInput): SpecMount {
  const propagation = mount.propagation || "rprivate"
  const able = input.runtime.family !== "other" && hasSetattr
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
