import { existsSync } from "node:fs"
import { posix } from "node:path"
import type { MountRequest } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import type { ResolvedMount } from "../record/document.ts"

export const propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]

/** A destination as mounts are compared by: absolute, without doubled or closing slashes. */
export const cleanDestination = (path: string): string => posix.normalize(path).replace(/(.)\/+$/, "$1")

/**
 * Checks one entry of HostConfig.Mounts.
 * @param options.sourceMayBeMissing `-v` makes sources that do not exist, `--mount` does not
 * @throws invalidArgument in Docker's words
 */
export function parseMount(
  request: MountRequest,
  options: { readonly sourceMayBeMissing?: boolean } = {},
): ResolvedMount {
  const refuse = (why: string) =>
    new Failure("invalidArgument", `invalid mount config for type ${JSON.stringify(request.Type ?? "")}: ${why}`)
  if (!request.Target) throw refuse("field Target must not be empty")
  if (cleanDestination(request.Target) === "/") throw refuse("invalid specification: destination can't be '/'")
  if (!request.Target.startsWith("/")) {
    throw refuse(`invalid mount path: '${request.Target}' mount path must be absolute`)
  }
  for (const [type, field] of allowedFields) {
    if (field in request && request[field] !== undefined && type !== request.Type && request.Type !== undefined) {
      if (type !== "tmpfs") throw refuse(`field ${field} must not be specified`)
    }
  }
  const base = {
    destination: cleanDestination(request.Target),
    readOnly: request.ReadOnly ?? false,
    mode: "",
    propagation: "",
  }
  switch (request.Type) {
    case "bind":
      return { ...base, ...bind(request, options.sourceMayBeMissing ?? false, refuse) }
    case "volume":
      return { ...base, ...volume(request, refuse) }
    case "tmpfs":
      if (request.Source) throw refuse("field Source must not be specified")
      return { ...base, type: "tmpfs", source: "", options: tmpfsOptions(request, refuse) }
    case "image": {
      if (!request.Source) throw refuse("field Source must not be empty")
      const subpath = checkedSubpath(request.ImageOptions?.Subpath, refuse)
      return { ...base, type: "image", source: request.Source, readOnly: true, propagation: "rprivate", ...subpath }
    }
    default:
      throw refuse("mount type unknown")
  }
}

type Refuse = (why: string) => Failure

const allowedFields = [
  ["bind", "BindOptions"],
  ["volume", "VolumeOptions"],
  ["image", "ImageOptions"],
  ["tmpfs", "TmpfsOptions"],
] as const

function bind(request: MountRequest, sourceMayBeMissing: boolean, refuse: Refuse) {
  const { Source: source, BindOptions: options } = request
  if (!source) throw refuse("field Source must not be empty")
  const propagation = options?.Propagation ?? ""
  if (propagation && !propagations.includes(propagation)) throw refuse(`invalid propagation mode: ${propagation}`)
  if (!source.startsWith("/")) throw refuse(`invalid mount path: '${source}' mount path must be absolute`)
  const createSource = sourceMayBeMissing || (options?.CreateMountpoint ?? false)
  if (!createSource && !existsSync(source)) throw refuse(`bind source path does not exist: ${source}`)
  return {
    type: "bind" as const,
    source: cleanDestination(source),
    propagation,
    ...(createSource ? { createSource } : {}),
    ...(options?.NonRecursive ? { nonRecursive: true } : {}),
    ...readOnlyDepth(request),
  }
}

function readOnlyDepth({ ReadOnly, BindOptions: options }: MountRequest): Pick<ResolvedMount, "readOnlyDepth"> {
  const { ReadOnlyNonRecursive: shallow, ReadOnlyForceRecursive: deep } = options ?? {}
  const conflict = (what: string) => new Failure("invalidArgument", `mount options conflict: ${what}`)
  if (!ReadOnly && shallow) throw conflict("!ReadOnly && BindOptions.ReadOnlyNonRecursive")
  if (!ReadOnly && deep) throw conflict("!ReadOnly && BindOptions.ReadOnlyForceRecursive")
  if (shallow && deep) throw conflict("ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive")
  return shallow ? { readOnlyDepth: "top" } : deep ? { readOnlyDepth: "all" } : {}
}

function volume(request: MountRequest, refuse: Refuse) {
  const { Source: source, VolumeOptions: options } = request
  const anonymous = !source
  if (options?.Subpath && anonymous) throw refuse("must not set Subpath when using anonymous volumes")
  const subpath = checkedSubpath(options?.Subpath, refuse)
  if (request.ReadOnly && anonymous) throw refuse("must not set ReadOnly mode when using anonymous volumes")
  return {
    type: "volume" as const,
    source: source ?? "",
    mode: "z",
    ...(options?.NoCopy ? { noCopy: true } : {}),
    ...(anonymous ? { anonymous } : {}),
    ...subpath,
  }
}

function checkedSubpath(subpath: string | undefined, refuse: Refuse): { readonly subpath?: string } {
  if (!subpath) return {}
  const clean = posix.normalize(subpath)
  if (clean.startsWith("/") || clean === ".." || clean.startsWith("../")) {
    throw refuse("subpath must be a relative path within the volume")
  }
  return { subpath: clean }
}

function tmpfsOptions(request: MountRequest, refuse: Refuse): string[] {
  const { SizeBytes: size, Mode: mode, Options: options } = request.TmpfsOptions ?? {}
  if (Number(size ?? 0) < 0) throw refuse(`invalid size: ${size}`)
  const more = (options ?? []).map((option) => {
    if (option.length < 1 || option.length > 2) throw refuse("invalid option array length")
    if (option[0] !== "exec" && option[0] !== "noexec") throw refuse(`invalid option: ${option[0]}`)
    return option.join("=")
  })
  return [
    ...(request.ReadOnly ? ["ro"] : []),
    ...(mode ? [`mode=${mode.toString(8)}`] : []),
    ...(size ? [`size=${size}`] : []),
    ...more,
  ]
}
