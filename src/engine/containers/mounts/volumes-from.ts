import { Failure, isKind } from "../../../errors/failure.ts"
import type { ResolvedMount } from "../record/document.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import { invalidMode, isMode } from "./bind-text.ts"
import { propagations } from "./mount-request.ts"

/** The mounts that `--volumes-from CONTAINER[:MODE]` takes over. @throws invalidArgument in Docker's words */
export function volumesFrom(registry: Pick<ContainerRegistry, "resolve">, text: string): ResolvedMount[] {
  if (text === "") {
    throw new Failure("invalidArgument", "volumes-from specification cannot be an empty string")
  }
  const colon = text.indexOf(":")
  const ref = colon < 0 ? text : text.slice(0, colon)
  const mode = colon < 0 ? "" : text.slice(colon + 1)
  const words = mode.split(",")
  if (!isMode(mode) || words.some((word) => word === "nocopy" || propagations.includes(word))) throw invalidMode(mode)
  try {
    const other = registry.resolve(ref)
    return other.document.mounts.map((mount) => ({
      ...mount,
      mode: "",
      noCopy: true,
      readOnly: mount.readOnly || words.includes("ro"),
    }))
  } catch (error) {
    // Not as notFound: to clients that would mean the image.
    if (isKind(error, "notFound")) throw new Failure("invalidArgument", `No such container: ${ref}`, error)
    throw error
  }
}
