import type { Docker } from "../../client/docker.ts"
import { NetworksClient } from "../../client/networks.ts"
import { PluginsClient } from "../../client/plugins.ts"
import type { Completion } from "../command.ts"
import type { Contexts } from "../context/contexts.ts"
import type { Candidate } from "./candidates.ts"

/** Names of the daemon's objects; none when it does not answer. */
export async function objectNames(
  docker: Docker,
  kind: Exclude<Completion, "contexts" | "variables">,
): Promise<readonly Candidate[]> {
  try {
    return await named(docker, kind)
  } catch {
    return []
  }
}

/** Names of the user's contexts. */
export const contextNames = (contexts: Contexts): readonly Candidate[] =>
  contexts.list().map(({ Name, Metadata }) => ({ word: Name, about: Metadata.Description ?? "" }))

async function named(
  docker: Docker,
  kind: Exclude<Completion, "contexts" | "variables">,
): Promise<readonly Candidate[]> {
  switch (kind) {
    case "images": {
      const images = await docker.images.list({})
      const tags = images.flatMap((image) => image.RepoTags ?? []).filter((tag) => tag !== "<none>:<none>")
      return tags
        .flatMap((tag) => (tag.endsWith(":latest") ? [tag.slice(0, -":latest".length), tag] : [tag]))
        .map((word) => ({ word }))
    }
    case "plugins":
      return (await new PluginsClient(docker.transport).list(new Map())).map(({ Name }) => ({ word: Name }))
    case "volumes":
      return ((await docker.volumes.list(new Map())).Volumes ?? []).map(({ Name, Driver }) => ({
        word: Name,
        about: Driver,
      }))
    case "networks":
      return (await new NetworksClient(docker.transport).list()).map(({ Name, Driver }) => ({
        word: Name,
        about: Driver,
      }))
    default: {
      const containers = await docker.containers.list({ all: kind !== "runningContainers" })
      return containers
        .filter(({ State }) => kind !== "stoppedContainers" || State !== "running")
        .flatMap(({ Names, Image, Status }) =>
          Names.map((name) => name.slice(1))
            .filter((name) => !name.includes("/"))
            .map((word) => ({ word, about: `${Image}, ${Status}` })),
        )
    }
  }
}
