import { posix } from "node:path"
import type { ContainerConfig } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import type { ImageRunConfig } from "../../../oci/image.ts"
import { variableName } from "../../../runtime/spec/environment.ts"
import { sortedByName } from "../../../std/sorted.ts"

/**
 * What runs: the request, and from the image what the request leaves open.
 * @throws invalidArgument when there is no command in either
 */
export function mergeImageConfig(config: ContainerConfig, image: ImageRunConfig = {}): ContainerConfig {
  const joined = joinRunConfigs(config, image)
  const { Entrypoint } = joined
  const shell = config.Shell ?? image.Shell
  const complete: ContainerConfig = {
    ...config,
    ...joined,
    // An entrypoint of one empty word takes the image's away.
    Entrypoint: Entrypoint?.length === 1 && Entrypoint[0] === "" ? null : Entrypoint,
    WorkingDir: clean(joined.WorkingDir),
    Labels: joined.Labels ?? {},
    OnBuild: config.OnBuild ?? null,
    ...(shell ? { Shell: shell } : {}),
  }
  if (commandOf(complete).length === 0) throw new Failure("invalidArgument", "no command specified")
  return complete
}

/**
 * One configuration on top of another. Variables, ports, volumes and labels are joined, one's own winning. A command belongs
 * to the entrypoint that it comes with: who has an entrypoint of their own does not get it.
 */
export function joinRunConfigs(own: Partial<ContainerConfig>, below: ImageRunConfig) {
  const named = new Set((own.Env ?? []).map(variableName))
  const inherited = (below.Env ?? []).filter((line) => !named.has(variableName(line)))
  const ownEntrypoint = (own.Entrypoint?.length ?? 0) > 0
  const ownCommand = (own.Cmd?.length ?? 0) > 0
  const ports = joined(below.ExposedPorts, own.ExposedPorts)
  const stopSignal = own.StopSignal || below.StopSignal
  const health = mergedHealth(own.Healthcheck, below.Healthcheck)
  return {
    User: own.User || (below.User ?? ""),
    Env: [...(own.Env ?? []), ...inherited],
    Entrypoint: own.Entrypoint ?? below.Entrypoint ?? null,
    Cmd: ownEntrypoint || ownCommand ? (own.Cmd ?? null) : (below.Cmd ?? own.Cmd ?? null),
    WorkingDir: own.WorkingDir || (below.WorkingDir ?? ""),
    Volumes:
      Object.keys(own.Volumes ?? {}).length > 0 ? joined(below.Volumes, own.Volumes) : joined(below.Volumes, null),
    Labels: joined(below.Labels, own.Labels),
    ...(ports ? { ExposedPorts: ports } : {}),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(health ? { Healthcheck: health } : {}),
  }
}

/** A directory without doubled or closing slashes, `.` and `..`. */
const clean = (path: string): string => path && posix.normalize(path).replace(/(.)\/$/, "$1")

/** The words that are executed: entrypoint, then command. */
export const commandOf = (config: Pick<ContainerConfig, "Entrypoint" | "Cmd">): readonly string[] => [
  ...(config.Entrypoint ?? []),
  ...(config.Cmd ?? []),
]

function joined<T>(
  below: Readonly<Record<string, T>> | null | undefined,
  above: Readonly<Record<string, T>> | null | undefined,
): Readonly<Record<string, T>> | null {
  const both = below && above ? { ...below, ...above } : (below ?? above)
  return both ? sortedByName(both) : null
}

type Health = ContainerConfig["Healthcheck"]

function mergedHealth(own: Health, image: ImageRunConfig["Healthcheck"]): Health {
  if (!own || !image) return own ?? image
  if ((own.Test?.length ?? 0) === 0) {
    const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value && !Array.isArray(value)))
    return { ...image, ...given }
  }
  const missing = Object.fromEntries(Object.entries(image).filter(([key]) => !own[key as keyof typeof own]))
  return { ...own, ...missing }
}
