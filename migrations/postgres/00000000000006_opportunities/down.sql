DROP TABLE opportunity_values;
DROP TABLE opportunity_tags;
DROP TABLE opportunity_participants;
DROP TABLE opportunities;
DROP TABLE pipeline_stages;
DROP TABLE default_pipelines;
DROP TABLE pipelines;
