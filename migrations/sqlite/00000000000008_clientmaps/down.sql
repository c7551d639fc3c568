DROP TABLE clientmap_versions;
DROP TABLE client_maps;
