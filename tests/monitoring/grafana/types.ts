// What a dashboard of ours may look like: Grafana's types, put together for the kinds of panel that we use.
import type { Dashboard as GrafanaDashboard, Panel, RowPanel } from '@grafana/schema';
import type { Options as TimeSeriesOptions, FieldConfig as TimeSeriesField } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as StateOptions, FieldConfig as StateField } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Dataquery as PrometheusQuery } from '@grafana/grafana-foundation-sdk/prometheus';

// JSON says 'multi' where the types have an enum whose value that is.
type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer E> ? Array<Json<E>> : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

// A query as the SDK has it, less the methods of its builder.
type Query = Omit<PrometheusQuery, '_implementsDataqueryVariant' | 'dataqueryName'>;
type Field<Custom> = Omit<NonNullable<Panel['fieldConfig']>, 'defaults'> & {
  defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'> & { custom?: Partial<Custom> };
};
type Of<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'>
  & { type: Type; options: Options; targets: Query[]; fieldConfig: Field<Custom> };

export type OurDashboard = Json<Omit<GrafanaDashboard, 'panels'> & {
  panels: Array<
    | RowPanel
    | Of<'timeseries', TimeSeriesOptions, TimeSeriesField>
    | Of<'stat', StatOptions, never>
    | Of<'state-timeline', StateOptions, StateField>
    | (Omit<Panel, 'type'> & { type: 'alertlist' })  // its options are not in the published types
  >;
}>;
