import type { EndpointSettings } from "../../../api/network.ts"

/** Settings of an endpoint that were left to the engine. */
export const noSettings: EndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: "",
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
}

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
