import type { MountPoint } from "../../../api/container.ts"
import type { Scope } from "../../../core/scope.ts"
import { Turns } from "../../../std/turns.ts"
import type { Volumes } from "../../volumes/contract.ts"
import type { ResolvedMount } from "../record/document.ts"

/** Mounts in inspect's form. */
export async function mountPoints(
  scope: Scope,
  volumes: Pick<Volumes, "inspect">,
  mounts: readonly ResolvedMount[],
): Promise<MountPoint[]> {
  const turns = new Turns()
  const points: MountPoint[] = []
  for (const mount of mounts) {
    points.push(await mountPoint(scope, volumes, mount))
    await turns.pass()
  }
  return points
}

async function mountPoint(scope: Scope, volumes: Pick<Volumes, "inspect">, mount: ResolvedMount): Promise<MountPoint> {
  const base = {
    Destination: mount.declaredAs ?? mount.destination,
    Mode: mount.mode,
    RW: !mount.readOnly,
    Propagation: mount.propagation,
  }
  if (mount.type === "bind") return { Type: "bind", Source: mount.source, ...base }
  if (mount.type === "tmpfs") return { Type: "tmpfs", Source: "", ...base }
  if (mount.type === "image") return { Type: "image", Name: mount.source, Source: "", ...base }
  const directory = await volumes.inspect(scope, mount.source).then(
    (volume) => ({ path: volume.Mountpoint, driver: volume.Driver }),
    () => ({ path: "", driver: "local" }),
  )
  return { Type: "volume", Name: mount.source, Source: directory.path, Driver: directory.driver, ...base }
}
