import type { ContainerSummary } from "../../api/container.ts"
import { Failure } from "../../errors/failure.ts"
import { humanSize } from "../../std/byte-size.ts"
import { ago } from "../../std/duration.ts"
import { shortId } from "../../std/id.ts"
import { TemplateError } from "../../std/template/lex.ts"
import { quote } from "../../std/template/quote.ts"
import { Template } from "../../std/template/template.ts"
import { type Method, Subject } from "../../std/template/value.ts"
import { formatList, type Headings, joinLabels, labelMethod } from "./list.ts"
import { goTime } from "./local-time.ts"
import { displayPorts } from "./ports.ts"
import { ellipsis } from "./text-width.ts"

export interface ContainerListOptions {
  /** `table`, `table TEMPLATE`, `json`, `raw` or a template; the default is `table`. */
  readonly format?: string
  /** IDs only. */
  readonly quiet?: boolean
  readonly noTrunc?: boolean
  /** The list was asked for with sizes. */
  readonly size?: boolean
}

export const containerHeadings: Headings = {
  ID: "CONTAINER ID",
  Names: "NAMES",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Size: "SIZE",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
  Platform: "PLATFORM",
  HealthStatus: "HEALTH STATUS",
}

/** The lines of `docker ps`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatContainers(list: readonly ContainerSummary[], options: ContainerListOptions = {}): string {
  const truncates = !options.noTrunc
  return formatList(
    containerFormat(options),
    containerHeadings,
    list.map((container) => containerRow(container, truncates)),
  )
}

function containerFormat({ format = "table", quiet, size }: ContainerListOptions): string {
  if (format === "" || format === "table") {
    if (quiet) return "{{.ID}}"
    const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", ...(size ? ["Size"] : [])]
    return `table ${columns.map((column) => `{{.${column}}}`).join("\t")}`
  }
  if (format !== "raw") return format
  if (quiet) return "container_id: {{.ID}}"
  const fields = Object.entries(rawFields)
    .map(([line, field]) => `${line}: ${field}\n`)
    .join("")
  return `container_id: {{.ID}}\n${fields}${size ? "size: {{.Size}}\n" : ""}`
}

/** The last ones are left of a space only when they are something. */
const rawFields: Readonly<Record<string, string>> = {
  image: "{{.Image}}",
  command: "{{.Command}}",
  created_at: "{{.CreatedAt}}",
  state: "{{- pad .State 1 0}}",
  status: "{{- pad .Status 1 0}}",
  names: "{{.Names}}",
  labels: "{{- pad .Labels 1 0}}",
  ports: "{{- pad .Ports 1 0}}",
}

/**
 * Whether a format of `ps` shows sizes, so that the list must be asked for with them. Docker finds out by executing the
 * template over an empty container; a template that fails there fails the command.
 *
 * @throws Failure invalidArgument `failed to parse template: …`, `failed to execute template: …`
 */
export function formatShowsSize(format: string): boolean {
  if (["", "table", "raw", "json"].includes(format)) return false
  let shows = false
  const probe = containerRow(nobody, true, () => {
    shows = true
  })
  let template: Template
  try {
    template = new Template(format)
  } catch (error) {
    if (error instanceof TemplateError)
      throw new Failure("invalidArgument", `failed to parse template: ${error.message}`)
    throw error
  }
  try {
    template.execute(probe)
  } catch (error) {
    if (error instanceof TemplateError)
      throw new Failure("invalidArgument", `failed to execute template: ${error.message}`)
    throw error
  }
  return shows
}

const nobody: ContainerSummary = {
  Id: "",
  Names: [],
  Image: "",
  ImageID: "",
  Command: "",
  Created: 0,
  Ports: [],
  Labels: {},
  State: "created",
  Status: "",
  HostConfig: { NetworkMode: "" },
  NetworkSettings: { Networks: {} },
  Mounts: [],
}

/** One container of a list. `onSize` is told when its size is asked for. */
export function containerRow(container: ContainerSummary, truncates: boolean, onSize?: () => void): Subject {
  const methods: Record<string, Method> = {
    ID: () => (truncates ? shortId(container.Id) : container.Id),
    Names: () => shownNames(container.Names ?? [], truncates).join(","),
    Image: () => shownImage(container, truncates),
    Command: () => quote(truncates ? ellipsis(container.Command, 20) : container.Command),
    CreatedAt: () => goTime(container.Created),
    RunningFor: () => ago(container.Created),
    HealthStatus: () => healthStatus(container),
    Platform: () => null,
    Ports: () => displayPorts(container.Ports ?? []),
    State: () => container.State,
    Status: () => container.Status,
    Size: () => {
      onSize?.()
      const size = humanSize(container.SizeRw ?? 0, 3)
      return Number(container.SizeRootFs ?? 0) > 0 ? `${size} (virtual ${humanSize(container.SizeRootFs!, 3)})` : size
    },
    Labels: () => joinLabels(container.Labels),
    Label: labelMethod(container.Labels),
    Mounts: () =>
      (container.Mounts ?? [])
        .map((mount) => mount.Name || mount.Source)
        .map((name) => (truncates ? ellipsis(name, 15) : name))
        .join(","),
    LocalVolumes: () => String((container.Mounts ?? []).filter((mount) => mount.Driver === "local").length),
    Networks: () =>
      Object.keys(container.NetworkSettings?.Networks ?? {})
        .sort()
        .join(","),
  }
  return new Subject("*formatter.ContainerContext", methods)
}

/** The daemon's word, or where it is older than API 1.52 what the status says in parentheses; "" without a health check. */
function healthStatus({ Health, Status }: ContainerSummary): string {
  if (Health?.Status) return Health.Status
  const said = /\((?:health: )?([a-z]+)\)$/.exec(Status)?.[1] ?? ""
  return ["healthy", "unhealthy", "starting"].includes(said) ? said : ""
}

/** Names without their slash; when shortened only the container's own, not the aliases that links gave it. */
function shownNames(names: readonly string[], truncates: boolean): readonly string[] {
  const plain = names.map((name) => name.replace(/^\//, ""))
  const own = truncates ? plain.find((name) => !name.includes("/")) : undefined
  return own === undefined ? plain : [own]
}

function shownImage({ Image, ImageID }: ContainerSummary, truncates: boolean): string {
  if (Image === "") return "<no image>"
  if (!truncates) return Image
  if (shortId(ImageID) === shortId(Image)) return shortId(Image)
  // A digest is left out where the name has a tag.
  const match = /^(.*:[^:/@]+)@sha256:[\da-f]{64}$/.exec(Image)
  return match ? match[1]! : Image
}
