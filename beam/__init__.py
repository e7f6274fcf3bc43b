"""The Apache Beam pipeline that de-identifies a dataset; the only place that imports Beam."""
