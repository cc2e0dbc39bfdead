import { posix } from "node:path"
import type { HostConfig, MountRequest } from "../../../api/container-config.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import { Turns } from "../../../std/turns.ts"
import type { ResolvedMount } from "../record/document.ts"
import { parseBind } from "./bind-text.ts"
import type { MountsNeeds, MountsRequest } from "./contract.ts"
import { removeImageSnapshots, withImage } from "./image-mounts.ts"
import { cleanDestination, parseMount } from "./mount-request.ts"
import { volumesFrom } from "./volumes-from.ts"

type ResolveNeeds = Pick<MountsNeeds, "registry" | "volumes" | "images" | "snapshots" | "dataRoot">

/** Carries out `Mounts.resolve`. */
export async function resolveMounts(
  needs: ResolveNeeds,
  scope: Scope,
  containerId: string,
  asked: MountsRequest,
): Promise<ResolvedMount[]> {
  const { hostConfig } = asked
  const tmpfs = new Set(Object.keys(hostConfig.Tmpfs ?? {}).map(checkedTmpfs))
  const chosen = new Map<string, ResolvedMount>()
  const own = new Set<string>()
  const requests = new Map((hostConfig.Mounts ?? []).map((each) => [cleanDestination(each.Target ?? ""), each]))
  const turns = new Turns()
  const claim = async (mount: ResolvedMount) => {
    await turns.pass()
    if (own.has(mount.destination) || tmpfs.has(mount.destination)) {
      throw new Failure("invalidArgument", `Duplicate mount point: ${mount.destination}`)
    }
    own.add(mount.destination)
    checkCount(chosen.size)
    const adapted = { ...mount, ...adaptedBind(needs, mount, asked.shallowReadOnly) }
    const resolved =
      mount.type === "volume"
        ? await withVolume(needs, scope, hostConfig, requests.get(mount.destination), adapted)
        : mount.type === "image"
          ? await withImage(needs, scope, containerId, adapted)
          : adapted
    chosen.set(mount.destination, resolved)
  }
  try {
    for (const text of hostConfig.VolumesFrom ?? []) {
      for (const mount of volumesFrom(needs.registry, text)) {
        chosen.set(mount.destination, mount.image ? await withImage(needs, scope, containerId, mount) : mount)
      }
    }
    for (const text of hostConfig.Binds ?? []) await claim(parseBind(text))
    for (const request of hostConfig.Mounts ?? []) await claim(parseMount(request))
    for (const [paths, fromImage] of [
      [asked.request, false],
      [asked.image, true],
    ] as const) {
      for (const path of paths) {
        const destination = declaredDestination(path)
        if (chosen.has(destination) || tmpfs.has(destination)) continue
        checkCount(chosen.size)
        await turns.pass()
        const declaredAs = path.startsWith("/") ? {} : { declaredAs: cleanDestination(path) }
        const mount = { ...declared, destination, ...declaredAs, ...(fromImage ? { fromImage } : {}) }
        chosen.set(destination, await withVolume(needs, scope, hostConfig, requests.get(destination), mount))
      }
    }
    return [...chosen.values()]
  } catch (error) {
    await removeImageSnapshots(needs, scope, [...chosen.values()])
    throw error
  }
}

/** A volume declared by image or request. */
const declared: Omit<ResolvedMount, "destination"> = {
  type: "volume",
  source: "",
  readOnly: false,
  mode: "",
  propagation: "",
  anonymous: true,
}

/** More than any program needs: each takes part of a millisecond of the daemon's thread whenever the container is looked at. */
const mostMounts = 1000

function checkCount(before: number): void {
  if (before >= mostMounts) throw new Failure("invalidArgument", `a container has at most ${mostMounts} mounts`)
}

function checkedTmpfs(path: string): string {
  const clean = cleanDestination(path)
  if (clean === "/") throw new Failure("invalidArgument", "invalid specification: destination can't be '/'")
  if (path.startsWith("/")) return clean
  throw new Failure("invalidArgument", `invalid mount path: '${path}' mount path must be absolute`)
}

function declaredDestination(path: string): string {
  const destination = cleanDestination(`/${path}`)
  if (destination === "/") throw new Failure("invalidArgument", `invalid volume specification: '${path}'`)
  return destination
}

/** Chooses propagation and read-only depth of a bind where the request leaves them open. */
function adaptedBind(
  { dataRoot }: ResolveNeeds,
  mount: ResolvedMount,
  shallowReadOnly: boolean,
): Partial<ResolvedMount> {
  if (mount.type !== "bind") return {}
  const depth = mount.readOnly && shallowReadOnly && !mount.readOnlyDepth ? { readOnlyDepth: "top" as const } : {}
  const { source, propagation } = mount
  // A bind that contains the data root holds the daemon's own mounts: it must follow their unmounting.
  const holdsDaemon = within(source, dataRoot) || within(dataRoot, source)
  if (!holdsDaemon) return { ...depth, propagation: propagation || "rprivate" }
  if (propagation === "" || propagation === "rslave" || propagation === "rshared") {
    return propagation ? depth : { ...depth, propagation: "rslave", propagationChosen: true }
  }
  throw new Failure(
    "invalidArgument",
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(source)}, propagation: ${JSON.stringify(propagation)}`,
  )
}

const within = (path: string, directory: string): boolean =>
  posix.join(path, "/").startsWith(posix.join(directory, "/"))

async function withVolume(
  { volumes }: ResolveNeeds,
  scope: Scope,
  hostConfig: HostConfig,
  request: MountRequest | undefined,
  mount: ResolvedMount,
): Promise<ResolvedMount> {
  const options = request?.VolumeOptions
  const volume = await volumes.create(scope, {
    Name: mount.source,
    Driver: options?.DriverConfig?.Name || hostConfig.VolumeDriver || "local",
    DriverOpts: options?.DriverConfig?.Options ?? null,
    Labels: options?.Labels ?? null,
  })
  return { ...mount, source: volume.Name }
}
