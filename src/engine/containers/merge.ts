import { posix } from "node:path"
import type { ContainerConfig } from "../../api/container-config.ts"
import { Failure } from "../../errors/failure.ts"
import type { ImageRunConfig } from "../../oci/image.ts"

/**
 * What runs: the request, and from the image what the request leaves open. Variables, ports, volumes and labels are
 * joined, the request's winning. The image's command belongs to the image's entrypoint: a request with an entrypoint of
 * its own does not get it.
 * @throws invalidArgument when there is no command in either
 */
export function mergeImageConfig(config: ContainerConfig, image: ImageRunConfig = {}): ContainerConfig {
  const named = new Set((config.Env ?? []).map(variableName))
  const inherited = (image.Env ?? []).filter((line) => !named.has(variableName(line)))
  const ownEntrypoint = (config.Entrypoint?.length ?? 0) > 0
  const ownCommand = (config.Cmd?.length ?? 0) > 0
  const entrypoint = config.Entrypoint ?? image.Entrypoint ?? null
  const merged: ContainerConfig = {
    ...config,
    User: config.User || (image.User ?? ""),
    Env: [...(config.Env ?? []), ...inherited],
    // An entrypoint of one empty word takes the image's away.
    Entrypoint: entrypoint?.length === 1 && entrypoint[0] === "" ? null : entrypoint,
    Cmd: ownEntrypoint || ownCommand ? config.Cmd : (image.Cmd ?? config.Cmd),
    WorkingDir: clean(config.WorkingDir || (image.WorkingDir ?? "")),
    Volumes:
      Object.keys(config.Volumes ?? {}).length > 0 ? joined(image.Volumes, config.Volumes) : (image.Volumes ?? null),
    Labels: joined(image.Labels, config.Labels) ?? {},
    OnBuild: config.OnBuild ?? null,
  }
  const ports = joined(image.ExposedPorts, config.ExposedPorts)
  const stopSignal = config.StopSignal || image.StopSignal
  const shell = config.Shell ?? image.Shell
  const health = mergedHealth(config.Healthcheck, image.Healthcheck)
  const complete: ContainerConfig = {
    ...merged,
    ...(ports ? { ExposedPorts: ports } : {}),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(shell ? { Shell: shell } : {}),
    ...(health ? { Healthcheck: health } : {}),
  }
  if (commandOf(complete).length === 0) throw new Failure("invalidArgument", "no command specified")
  return complete
}

/** A directory without doubled or closing slashes, `.` and `..`. */
const clean = (path: string): string => path && posix.normalize(path).replace(/(.)\/$/, "$1")

/** The words that are executed: entrypoint, then command. */
export const commandOf = (config: Pick<ContainerConfig, "Entrypoint" | "Cmd">): readonly string[] => [
  ...(config.Entrypoint ?? []),
  ...(config.Cmd ?? []),
]

export const variableName = (line: string): string => line.split("=", 1)[0]!

function joined<T>(
  below: Readonly<Record<string, T>> | null | undefined,
  above: Readonly<Record<string, T>> | null | undefined,
): Readonly<Record<string, T>> | null {
  return below || above ? { ...below, ...above } : null
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
