import type { Group } from "./entry.ts"

export const container: Group = {
  name: "container",
  short: "Manage containers",
  entries: [],
}
