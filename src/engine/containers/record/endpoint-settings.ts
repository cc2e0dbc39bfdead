import { type EndpointSettings, noSettings } from "../../../api/network.ts"

/** The requested part of settings that a client may have copied from an inspect. */
export const requestedSettings = (settings: EndpointSettings): EndpointSettings => ({
  ...noSettings,
  IPAMConfig: settings.IPAMConfig,
  Links: settings.Links,
  Aliases: settings.Aliases,
  MacAddress: settings.MacAddress,
  DriverOpts: settings.DriverOpts,
  GwPriority: settings.GwPriority,
})
