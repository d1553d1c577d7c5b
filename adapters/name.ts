/** Letters, digits, dot, underscore and hyphen, as it stands in URLs and in a request's `model`. */
export const ADAPTER_NAME = /^[A-Za-z0-9._-]{1,128}$/;
