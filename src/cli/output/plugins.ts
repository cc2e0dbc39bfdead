import type { PluginSummary } from "../../client/plugins.ts"
import { shortId } from "../../std/id.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings, naturalOrder } from "./list.ts"
import { ellipsis } from "./text-width.ts"

const headings: Headings = {
  ID: "ID",
  Name: "NAME",
  Description: "DESCRIPTION",
  Enabled: "ENABLED",
  PluginReference: "PLUGIN REFERENCE",
}

interface Options {
  readonly format: string
  readonly quiet: boolean
  readonly noTrunc: boolean
}

/** The lines of `docker plugin ls`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatPlugins(plugins: readonly PluginSummary[], { format, quiet, noTrunc }: Options): string {
  const isDefault = format === "" || format === "table"
  let template = format
  if (isDefault) template = quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Description}}\t{{.Enabled}}"
  if (format === "raw")
    template = quiet
      ? "plugin_id: {{.ID}}"
      : "plugin_id: {{.ID}}\nname: {{.Name}}\ndescription: {{.Description}}\nenabled: {{.Enabled}}\n"
  const rows = [...plugins]
    .sort((one, other) => naturalOrder(one.Name, other.Name))
    .map(
      (plugin) =>
        new Subject("*plugin.pluginContext", {
          ID: () => (noTrunc ? plugin.Id : shortId(plugin.Id)),
          Name: () => plugin.Name,
          Description: () => {
            const line = plugin.Config.Description.replace(/[\n\r]/g, " ")
            return noTrunc ? line : ellipsis(line, 45)
          },
          Enabled: () => plugin.Enabled,
          PluginReference: () => plugin.PluginReference ?? "",
        }),
    )
  return formatList(template, headings, rows)
}
