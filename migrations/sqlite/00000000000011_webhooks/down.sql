DROP TABLE deliveries;
DROP TABLE delivery_turns;
DROP TABLE webhooks;
