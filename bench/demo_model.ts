/** The model of the series that need no shape of their own. */
export const DEMO = "models/demo";
