import type { Volume } from "../../api/volume.ts"
import { humanSize } from "../../std/byte-size.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings, joinLabels, labelMethod, naturalOrder } from "./list.ts"

export interface VolumeListOptions {
  /** `table`, `table TEMPLATE`, `json`, `raw` or a template; the default is `table`. */
  readonly format?: string
  /** Names only. */
  readonly quiet?: boolean
}

export const volumeHeadings: Headings = {
  Name: "VOLUME NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  Mountpoint: "MOUNTPOINT",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
  Availability: "AVAILABILITY",
  Group: "GROUP",
  Status: "STATUS",
}

/** The lines of `docker volume ls`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatVolumes(list: readonly Volume[], { format = "table", quiet }: VolumeListOptions = {}): string {
  const isDefault = format === "" || format === "table"
  let template = format
  if (isDefault) template = quiet ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}"
  if (format === "raw") template = quiet ? "name: {{.Name}}" : "name: {{.Name}}\ndriver: {{.Driver}}\n"
  const sorted = [...list].sort((one, other) => naturalOrder(one.Name, other.Name))
  return formatList(template, volumeHeadings, sorted.map(volumeRow))
}

/** One volume of a list. Cluster volumes' fields are not available. */
export const volumeRow = (volume: Volume): Subject =>
  new Subject("*formatter.volumeContext", {
    Name: () => volume.Name,
    Driver: () => volume.Driver,
    Scope: () => volume.Scope,
    Mountpoint: () => volume.Mountpoint,
    Labels: () => joinLabels(volume.Labels),
    Label: labelMethod(volume.Labels),
    Links: () => (volume.UsageData ? String(volume.UsageData.RefCount) : "N/A"),
    Size: () => (volume.UsageData ? humanSize(volume.UsageData.Size) : "N/A"),
    Availability: () => "N/A",
    Group: () => "N/A",
    Status: () => "N/A",
  })
