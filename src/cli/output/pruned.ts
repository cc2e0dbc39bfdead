import type { ContainersPruneResponse } from "../../api/container.ts"
import type { ImagesPruneResponse } from "../../api/image.ts"
import type { NetworksPruneResponse } from "../../api/network.ts"
import type { VolumesPruneResponse } from "../../api/volume.ts"

const paragraph = (title: string, names: readonly string[]) =>
  names.length > 0 ? `${title}:\n${names.map((name) => `${name}\n`).join("")}` : ""

/** What was removed, a paragraph that ends with a line break; "" when nothing was. */
export const containersPruned = ({ ContainersDeleted }: ContainersPruneResponse): string =>
  paragraph("Deleted Containers", ContainersDeleted ?? [])

export const networksPruned = ({ NetworksDeleted }: NetworksPruneResponse): string =>
  paragraph("Deleted Networks", NetworksDeleted ?? [])

export const volumesPruned = ({ VolumesDeleted }: VolumesPruneResponse): string =>
  paragraph("Deleted Volumes", VolumesDeleted ?? [])

export const imagesPruned = ({ ImagesDeleted }: ImagesPruneResponse): string =>
  paragraph(
    "Deleted Images",
    (ImagesDeleted ?? []).map((item) => (item.Untagged ? `untagged: ${item.Untagged}` : `deleted: ${item.Deleted}`)),
  )
