/** Routed answers: which sentence is due, what the router chose, and what that waits for. */
export { AnswerRoute } from "./answer_route.ts";
export { RouteDesk } from "./route_desk.ts";
export { RoutedAnswers } from "./routed_answers.ts";
export { noRouter } from "./routed_text.ts";
