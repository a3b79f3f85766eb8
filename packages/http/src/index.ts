export { type AppOptions, createApp } from './app.ts';
export type { MetricsDoor } from './metrics-door.ts';
export type { ErrorFields, RequestFields, RequestLog } from './request-log.ts';
