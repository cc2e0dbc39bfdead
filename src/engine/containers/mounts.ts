import { lstatSync, mkdirSync } from "node:fs"
import { posix } from "node:path"
import type { MountPoint } from "../../api/container.ts"
import type { HostConfig, MountRequest } from "../../api/container-config.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import type { Volumes } from "../volumes/contract.ts"
import type { ResolvedMount } from "./container.ts"
import type { ContainerRegistry } from "./registry.ts"

const propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Parses one `-v` text of HostConfig.Binds. @throws invalidArgument in Docker's words */
export function parseBind(text: string): ResolvedMount {
  const invalid = (why?: string) =>
    new Failure("invalidArgument", `invalid volume specification: '${text}'${why ? `: ${why}` : ""}`)
  const parts = text.split(":")
  if (parts.length > 3 || parts.some((part) => part === "")) throw invalid()
  const [first, second, third] = parts as [string, string?, string?]
  // With one part it is an anonymous volume; with two, a mode may stand where a destination would.
  const source = second === undefined ? "" : first
  const destination = second ?? first
  if (!destination.startsWith("/")) {
    throw invalid(
      `invalid mount config for type "${source.startsWith("/") ? "bind" : "volume"}": invalid mount path: '${destination}' mount path must be absolute`,
    )
  }
  const mode = third ?? ""
  const words = mode === "" ? [] : mode.split(",")
  let readOnly = false
  let propagation = ""
  let noCopy = false
  const seen = new Set<string>()
  for (const word of words) {
    let category: string
    if (word === "ro" || word === "rw") {
      category = "access"
      readOnly = word === "ro"
    } else if (word === "z" || word === "Z") category = "label"
    else if (propagations.includes(word)) {
      category = "propagation"
      propagation = word
    } else if (word === "nocopy") {
      category = "copy"
      noCopy = true
    } else if (["consistent", "cached", "delegated"].includes(word)) category = "consistency"
    else throw new Failure("invalidArgument", `invalid mode: ${mode}`)
    if (seen.has(category)) throw new Failure("invalidArgument", `invalid mode: ${mode}`)
    seen.add(category)
  }
  const clean = posix.normalize(destination).replace(/(.)\/+$/, "$1")
  if (clean === "/") throw invalid("invalid specification: destination can't be '/'")
  if (source.startsWith("/")) {
    if (noCopy) throw new Failure("invalidArgument", `invalid mode: ${mode}`)
    return {
      type: "bind",
      source: posix.normalize(source).replace(/(.)\/+$/, "$1"),
      destination: clean,
      readOnly,
      mode,
      propagation: propagation || "rprivate",
    }
  }
  if (propagation) throw new Failure("invalidArgument", `invalid mode: ${mode}`)
  if (source !== "" && !volumeName.test(source)) {
    throw new Failure(
      "invalidArgument",
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    )
  }
  return {
    type: "volume",
    source,
    destination: clean,
    readOnly,
    mode: mode || "z",
    propagation: "",
    ...(noCopy ? { noCopy } : {}),
    ...(source === "" ? { anonymous: true } : {}),
  }
}

/** Checks one entry of HostConfig.Mounts. @throws invalidArgument in Docker's words */
export function parseMount(request: MountRequest): ResolvedMount {
  const type = request.Type ?? ""
  const refuse = (why: string) => new Failure("invalidArgument", `invalid mount config for type "${type}": ${why}`)
  if (type !== "bind" && type !== "volume" && type !== "tmpfs") {
    if (type === "image" || type === "cluster" || type === "npipe")
      throw refuse(`mounts of type "${type}" are not supported by this engine`)
    throw new Failure("invalidArgument", `invalid mount config for type "${type}": mount type unknown`)
  }
  if (!request.Target) throw refuse("field Target must not be empty")
  const destination = posix.normalize(request.Target).replace(/(.)\/+$/, "$1")
  if (!destination.startsWith("/")) throw refuse(`invalid mount path: '${request.Target}' mount path must be absolute`)
  if (destination === "/") throw refuse("invalid specification: destination can't be '/'")
  const base = { destination, readOnly: request.ReadOnly ?? false, mode: "" }
  if (type === "bind") {
    if (!request.Source) throw refuse("field Source must not be empty")
    if (request.VolumeOptions) throw refuse("field VolumeOptions must not be specified")
    if (request.TmpfsOptions) throw refuse("field TmpfsOptions must not be specified")
    if (!request.Source.startsWith("/")) {
      throw refuse(`invalid mount path: '${request.Source}' mount path must be absolute`)
    }
    const propagation = request.BindOptions?.Propagation || "rprivate"
    if (!propagations.includes(propagation)) throw refuse(`invalid propagation mode: ${propagation}`)
    if (!exists(request.Source) && !request.BindOptions?.CreateMountpoint) {
      throw refuse(`bind source path does not exist: ${request.Source}`)
    }
    return {
      ...base,
      type,
      source: posix.normalize(request.Source),
      propagation,
      ...(request.BindOptions?.NonRecursive ? { nonRecursive: true } : {}),
    }
  }
  if (request.BindOptions) throw refuse("field BindOptions must not be specified")
  if (type === "volume") {
    if (request.TmpfsOptions) throw refuse("field TmpfsOptions must not be specified")
    if (request.Source && !volumeName.test(request.Source)) {
      throw new Failure(
        "invalidArgument",
        `create ${request.Source}: "${request.Source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      )
    }
    const subpath = request.VolumeOptions?.Subpath
    if (subpath && (subpath.startsWith("/") || subpath.split("/").includes(".."))) {
      throw refuse(`subpath "${subpath}" must be a relative path within the volume`)
    }
    return {
      ...base,
      type,
      source: request.Source ?? "",
      mode: "z",
      propagation: "",
      ...(request.VolumeOptions?.NoCopy ? { noCopy: true } : {}),
      ...(subpath ? { subpath } : {}),
      ...(request.Source ? {} : { anonymous: true }),
    }
  }
  if (request.Source) throw refuse("field Source must not be specified")
  if (request.VolumeOptions) throw refuse("field VolumeOptions must not be specified")
  const { SizeBytes, Mode } = request.TmpfsOptions ?? {}
  return {
    ...base,
    type,
    source: "",
    propagation: "",
    options: [
      ...(SizeBytes ? [`size=${SizeBytes}`] : []),
      ...(Mode ? [`mode=${Mode.toString(8)}`] : []),
      ...(request.ReadOnly ? ["ro"] : []),
    ],
  }
}

/**
 * Decides every mount of a new container, making the volumes it needs. Sources in Docker's order: volumes-from, binds,
 * mounts, then the volumes that image and request declare and nothing else covers.
 * @throws invalidArgument (also for two mounts on one point) · notFound for an unknown volumes-from container
 */
export async function resolveMounts(
  scope: Scope,
  registry: ContainerRegistry,
  volumes: Volumes,
  hostConfig: HostConfig,
  declared: { readonly request: readonly string[]; readonly image: readonly string[] },
): Promise<ResolvedMount[]> {
  const chosen = new Map<string, ResolvedMount>()
  for (const text of hostConfig.VolumesFrom ?? []) {
    for (const mount of volumesFrom(registry, text)) chosen.set(mount.destination, mount)
  }
  const own = new Set<string>()
  const claim = (mount: ResolvedMount) => {
    if (own.has(mount.destination) || (hostConfig.Tmpfs && mount.destination in hostConfig.Tmpfs)) {
      throw new Failure("invalidArgument", `Duplicate mount point: ${mount.destination}`)
    }
    own.add(mount.destination)
    chosen.set(mount.destination, mount)
  }
  for (const text of hostConfig.Binds ?? []) claim(parseBind(text))
  for (const request of hostConfig.Mounts ?? []) claim(parseMount(request))
  for (const [paths, fromImage] of [
    [declared.request, false],
    [declared.image, true],
  ] as const) {
    for (const path of paths) {
      const destination = posix.normalize(path).replace(/(.)\/+$/, "$1")
      if (!destination.startsWith("/")) {
        throw new Failure("invalidArgument", `invalid volume specification: '${path}': mount path must be absolute`)
      }
      if (destination === "/") throw new Failure("invalidArgument", `invalid volume specification: '${path}'`)
      if (chosen.has(destination) || (hostConfig.Tmpfs && destination in hostConfig.Tmpfs)) continue
      chosen.set(destination, {
        type: "volume",
        source: "",
        destination,
        readOnly: false,
        mode: "",
        propagation: "",
        anonymous: true,
        ...(fromImage ? { fromImage } : {}),
      })
    }
  }
  const requests = new Map((hostConfig.Mounts ?? []).map((mount) => [posix.normalize(mount.Target ?? ""), mount]))
  const resolved: ResolvedMount[] = []
  for (const mount of chosen.values()) {
    if (mount.type !== "volume") {
      if (mount.type === "bind" && !exists(mount.source)) makeSource(mount.source)
      resolved.push(mount)
      continue
    }
    const options = requests.get(mount.destination)?.VolumeOptions
    const volume = await volumes.create(scope, {
      Name: mount.source,
      Driver: options?.DriverConfig?.Name || hostConfig.VolumeDriver || "local",
      DriverOpts: options?.DriverConfig?.Options ?? null,
      Labels: options?.Labels ?? null,
    })
    resolved.push({ ...mount, source: volume.Name })
  }
  return resolved
}

function volumesFrom(registry: ContainerRegistry, text: string): ResolvedMount[] {
  const [ref, mode] = text.split(":") as [string, string?]
  if (mode !== undefined && mode !== "ro" && mode !== "rw" && !/^[zZ]$/.test(mode)) {
    throw new Failure("invalidArgument", `invalid mode for volumes-from: ${mode}`)
  }
  try {
    const other = registry.resolve(ref)
    return other.document.mounts.map(({ anonymous: _, ...mount }) => ({
      ...mount,
      readOnly: mount.readOnly || mode === "ro",
    }))
  } catch (error) {
    if (isKind(error, "notFound")) throw new Failure("invalidArgument", `No such container: ${ref}`, error)
    throw error
  }
}

/** A mount in inspect's form. */
export async function mountPoint(scope: Scope, volumes: Volumes, mount: ResolvedMount): Promise<MountPoint> {
  const base = { Destination: mount.destination, Mode: mount.mode, RW: !mount.readOnly, Propagation: mount.propagation }
  if (mount.type === "bind") return { Type: "bind", Source: mount.source, ...base }
  if (mount.type === "tmpfs") return { Type: "tmpfs", Source: "", ...base }
  const directory = await volumes.inspect(scope, mount.source).then(
    (volume) => ({ path: volume.Mountpoint, driver: volume.Driver }),
    () => ({ path: "", driver: "local" }),
  )
  return { Type: "volume", Name: mount.source, Source: directory.path, Driver: directory.driver, ...base }
}

function exists(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}

function makeSource(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    throw new Failure(
      "internal",
      `error while creating mount source path '${path}': ${(error as Error).message}`,
      error,
    )
  }
}
