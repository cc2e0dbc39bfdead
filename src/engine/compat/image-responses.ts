import type { ImageInspect, ImageSummary } from "../../api/image.ts"
import { isBefore } from "./version.ts"

/** Fields of an image's configuration that could not be left out before 1.52. */
const alwaysConfigured = {
  Cmd: null,
  Entrypoint: null,
  Env: null,
  Labels: null,
  OnBuild: null,
  User: "",
  Volumes: null,
  WorkingDir: "",
}
/** Fields of containers that images showed before 1.50. */
const ofContainers = {
  AttachStderr: false,
  AttachStdin: false,
  AttachStdout: false,
  Domainname: "",
  Hostname: "",
  Image: "",
  OpenStdin: false,
  StdinOnce: false,
  Tty: false,
}

/** `GET /images/{name}/json` */
export function imageInspect(inspect: ImageInspect, version: string): unknown {
  const Config = inspect.Config && {
    ...(isBefore(version, "1.50") ? ofContainers : {}),
    ...(isBefore(version, "1.52") ? alwaysConfigured : {}),
    ...inspect.Config,
  }
  const { Parent = "", Comment = "", DockerVersion = "", Author = "" } = inspect
  return {
    ...inspect,
    Config,
    ...(isBefore(version, "1.53") ? { Identity: undefined } : {}),
    ...(isBefore(version, "1.52") ? { Parent, Comment, DockerVersion, Author } : {}),
    ...(isBefore(version, "1.48") ? { Descriptor: undefined, Manifests: undefined } : {}),
    ...(isBefore(version, "1.45")
      ? {
          Container: inspect.Container ?? "",
          ContainerConfig: { ...ofContainers, ...alwaysConfigured, ...inspect.ContainerConfig },
        }
      : { Container: undefined, ContainerConfig: undefined }),
    ...(isBefore(version, "1.44") ? { VirtualSize: inspect.Size, Created: inspect.Created ?? "" } : {}),
  }
}

/** One entry of `GET /images/json` */
export function imageSummary(summary: ImageSummary, version: string): ImageSummary {
  const untagged = summary.RepoTags.length === 0
  return {
    ...summary,
    ...(isBefore(version, "1.51") ? { Containers: -1 } : {}),
    ...(isBefore(version, "1.48") ? { Descriptor: undefined } : {}),
    ...(isBefore(version, "1.47") ? { Manifests: undefined } : {}),
    ...(isBefore(version, "1.44") ? { VirtualSize: summary.Size } : {}),
    ...(isBefore(version, "1.43") && untagged
      ? {
          RepoTags: ["<none>:<none>"],
          RepoDigests: summary.RepoDigests.length > 0 ? summary.RepoDigests : ["<none>@<none>"],
        }
      : {}),
  }
}
